import ClusterModel
import Leadership
import Simulation
import Testing

@Suite("Simulated beginnings")
struct BootstrapSimulationTests {
    @Test("three that start at the same moment give one cluster, three thousand times out of three thousand")
    func bootstrapRace() {
        for seed in UInt64(0)..<3000 {
            let world = World(WorldSettings(seed: seed, members: 3, mode: .quorum))
            world.boot()
            let isWhole = world.run(seconds: 60, until: \.isHealthy)
            guard isWhole, world.violations.isEmpty, world.counts.openings == 1 else {
                Issue.record("seed \(seed): \(world.violations), \(world.description)")
                return
            }
        }
    }
}
