import ClusterModel
import TestSupport
import Testing

@testable import Leadership

@Suite("Simulated clusters", .ownThread)
struct BootstrapSimulationTests {
    @Test("three that start at the same moment give one cluster, ten thousand times out of ten thousand")
    func bootstrapRace() {
        for seed in UInt64(0)..<10_000 {
            var world = World(seed: seed, members: 3)
            for index in world.members.indices {
                world.schedule(.starts(index), for: index, after: world.random.milliseconds(0...20))
            }
            world.run(until: world.now + .seconds(60)) { $0.isHealthy }
            guard world.isHealthy, world.initializations == 1, world.violations.isEmpty else {
                Issue.record(
                    """
                    seed \(seed): healthy \(world.isHealthy), initdb ran \(world.initializations) times, \
                    \(world.violations)
                    \(world.trace.suffix(30).joined(separator: "\n"))
                    """)
                return
            }
        }
    }

    @Test("crashes at any moment never give two writers, two clusters or two timelines of one name", arguments: [0, 1])
    func crashes(part: UInt64) {
        for seed in (part * 1000)..<(part * 1000 + 150) {
            var world = World(seed: seed, members: 3, keepsTrace: true)
            for index in world.members.indices {
                world.schedule(.starts(index), for: index, after: world.random.milliseconds(0...2000))
            }
            for _ in 0..<12 {
                world.run(until: world.now + world.random.milliseconds(100...9000))
                let index = Int.random(in: 0..<3, using: &world.random)
                if Bool.random(using: &world.random) {
                    world.schedule(.crashes(index), for: index, after: .zero)
                    world.schedule(.starts(index), for: index, after: world.random.milliseconds(1...12000))
                } else {
                    world.schedule(.postgresDies(index), for: index, after: .zero)
                }
            }
            for index in world.members.indices {
                world.schedule(.starts(index), for: index, after: .milliseconds(12001))
            }
            world.run(until: world.now + .seconds(20))
            world.run(until: world.now + .seconds(100)) { $0.isHealthy }
            guard world.isHealthy, world.violations.isEmpty else {
                Issue.record(
                    """
                    seed \(seed): healthy \(world.isHealthy), \(world.violations)
                    \(world.trace.suffix(60).joined(separator: "\n"))
                    """)
                return
            }
        }
    }
}
