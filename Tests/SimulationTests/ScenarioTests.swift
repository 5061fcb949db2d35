import ClusterModel
import Leadership
import Simulation
import Testing

@Suite("Simulated scenarios")
struct ScenarioTests {
    static let modes: [SynchronousMode] = [.off, .preferred, .quorum, .strict]

    @Test(
        "the store is away for ten minutes and all members talk: no demotion, no failover, writes go on",
        arguments: modes)
    func consent(_ mode: SynchronousMode) throws {
        let world = World.healthy(mode)
        let primary = try #require(world.primary)
        world.inject(.storeDown, at: primary, seconds: 600)
        for _ in 0..<59 {
            world.run(seconds: 10)
            #expect(world.isServing(primary), "\(world.story)")
        }
        world.run(seconds: 60)
        #expect(world.counts.openings == 1)
        #expect(world.counts.fences + world.counts.guardKills == 0)
        #expect(world.counts.consents > 100)
        #expect(world.isHealthy, "\(world.story)")
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("the store is away and the primary is cut off from all: it fences itself, and comes back", arguments: modes)
    func consentRefused(_ mode: SynchronousMode) throws {
        let world = World.healthy(mode)
        let primary = try #require(world.primary)
        world.inject(.storeDown, at: primary, seconds: 60)
        world.inject(.memberIsolated, at: primary, seconds: 60)
        world.run(seconds: 5)
        #expect(!world.isServerUp(primary))
        world.run(seconds: 50)
        // Nobody can take a lease from a store that does not answer.
        #expect(world.counts.openings == 1)
        #expect(world.run(seconds: 60, until: \.isHealthy), "\(world.story)")
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test(
        "a primary is lost in quorum or strict: another acknowledges commits within three seconds",
        arguments: 0..<20 as Range<UInt64>)
    func quorumTakeOver(_ seed: UInt64) throws {
        let world = World.healthy(seed.isMultiple(of: 2) ? .quorum : .strict, seed: seed)
        let primary = try #require(world.primary)
        world.lose(primary)
        #expect(world.run(seconds: 3) { $0.isServedByAnother(than: primary) }, "\(world.story)")
        #expect(world.counts.quorumTakeOvers == 1)
        world.run(seconds: 20)
        world.bringBack(primary)
        #expect(world.run(seconds: 60, until: \.isHealthy), "\(world.story)")
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("a primary that nobody reaches stops, and another takes over", arguments: modes)
    func isolated(_ mode: SynchronousMode) throws {
        let world = World.healthy(mode)
        let primary = try #require(world.primary)
        world.inject(.podCutOff, at: primary, seconds: 40)
        world.run(seconds: 5)
        #expect(!world.isServerUp(primary))
        #expect(world.run(seconds: 5) { $0.isServedByAnother(than: primary) }, "\(world.story)")
        #expect(world.run(seconds: 90, until: \.isHealthy), "\(world.story)")
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("answers of the store are lost for three seconds: nothing happens", arguments: modes)
    func lostReplies(_ mode: SynchronousMode) throws {
        let world = World.healthy(mode)
        let primary = try #require(world.primary)
        world.inject(.storeAnswersCut, at: primary, seconds: 3)
        world.run(seconds: 20)
        #expect(world.counts.openings == 1)
        #expect(world.counts.fences + world.counts.guardKills == 0)
        #expect(world.isServing(primary))
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("the record is deleted: no second writer, no loss, and a new record with a higher term", arguments: modes)
    func recordDeleted(_ mode: SynchronousMode) {
        let world = World.healthy(mode)
        world.inject(.recordDeleted, at: 0, seconds: 0)
        world.run(seconds: 30)
        #expect(world.run(seconds: 60, until: \.isHealthy), "\(world.story)")
        #expect(world.counts.losses == 0)
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("the store goes back to an older record: no second writer, and all goes on", arguments: modes)
    func rollback(_ mode: SynchronousMode) {
        let world = World.healthy(mode)
        world.inject(.storeRollback, at: 0, seconds: 0)
        world.run(seconds: 30)
        #expect(world.run(seconds: 60, until: \.isHealthy), "\(world.story)")
        #expect(world.counts.losses == 0)
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("paused: a lost primary is not replaced; resumed: it is", arguments: modes)
    func paused(_ mode: SynchronousMode) throws {
        let world = World.healthy(mode)
        let primary = try #require(world.primary)
        world.pause(true)
        world.run(seconds: 5)
        #expect(world.isServing(primary))
        world.lose(primary)
        world.run(seconds: 60)
        #expect(world.counts.openings == 1)
        world.pause(false)
        #expect(world.run(seconds: 12) { $0.isServedByAnother(than: primary) }, "\(world.story)")
        world.bringBack(primary)
        #expect(world.run(seconds: 60, until: \.isHealthy), "\(world.story)")
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("a switchover loses nothing and takes less than two seconds", arguments: modes)
    func switchover(_ mode: SynchronousMode) throws {
        let world = World.healthy(mode)
        let primary = try #require(world.primary)
        let target = (primary + 1) % 3
        world.requestSwitchover(to: target)
        #expect(world.run(seconds: 4) { $0.isServing(target) }, "\(world.story)")
        #expect(world.run(seconds: 30, until: \.isHealthy), "\(world.story)")
        #expect(world.counts.losses == 0)
        #expect(world.violations.isEmpty, "\(world.violations)")
    }

    @Test("the same seed gives the same run, event by event")
    func replay() {
        let settings = WorldSettings.mix(seed: 42)
        #expect(Campaign.replay(settings) == Campaign.replay(settings))
    }
}
