import ClusterModel
import Testing

@testable import Leadership

@Suite("The holder of the lease")
struct HolderTests {
    @Test("renews once a period has passed, and not before")
    func renewal() throws {
        var scenario = Scenario.primary()
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1000))
        let write = try #require(scenario.decide().write)
        #expect(write.record.holder == scenario.observation.me.incarnation)
        #expect(write.record.term == 3)
        #expect(write.record.renewal != "first")
        #expect(write.record.flushed == LSN(rawValue: 0x5000100))
    }

    @Test("may write until R + K after its last renewal was sent, and is fenced at R without another")
    func fence() {
        var scenario = Scenario.primary()
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(4500))
        scenario.observation.store.writeInFlight = true
        scenario.pass(.milliseconds(3999))
        #expect(!scenario.decide().fences)
        scenario.pass(.milliseconds(1))
        let decision = scenario.decide()
        #expect(decision.fences)
        #expect(decision.writableUntil == nil)
    }

    @Test("counts by the duration that challengers see when its own was just made longer")
    func longerDuration() {
        var scenario = Scenario.primary()
        scenario.observation.settings.duration = .seconds(60)
        scenario.observation.settings.giveUpAfter = .seconds(40)
        scenario.observation.settings.killWithin = .seconds(5)
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(4500))
        scenario.observation.store.record?.durationMilliseconds = 60_000
        #expect(scenario.decide().writableUntil == Scenario.start + .seconds(45))
    }

    @Test("does not take up a term again whose renewal turns out to have been applied after it gave up")
    func lateReply() {
        var scenario = Scenario.primary()
        scenario.pass(.seconds(4))
        _ = scenario.decide()
        scenario.observation.store.held = StoreView.Held(term: 3, sentAt: scenario.now - .milliseconds(1))
        #expect(scenario.decide().writableUntil == nil)
    }

    @Test("fences at once when the record names another holder")
    func stolen() {
        var scenario = Scenario.primary()
        scenario.observation.store.record = Scenario.record(holder: "pg-2", term: 4)
        #expect(scenario.decide().fences)
    }

    @Test("restarts a crashed postgres in place, as primary and at once")
    func crash() {
        var scenario = Scenario.primary()
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        scenario.observation.local.crashedSince = scenario.now
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("gives the lease to a ready replica when its postgres does not come back within the budget")
    func crashBudget() throws {
        var scenario = Scenario.primary()
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        scenario.observation.local.crashedSince = scenario.now - .seconds(11)
        let write = try #require(scenario.decide().write)
        #expect(write.record.holder == nil)
        #expect(write.record.successor == "pg-2")
    }

    @Test("keeps trying beyond the budget when no replica is ready")
    func crashAlone() {
        var scenario = Scenario.primary()
        scenario.observation.peers = [:]
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        scenario.observation.local.crashedSince = scenario.now - .seconds(60)
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("starts nothing before the record says which cluster this is")
    func publishesFirst() throws {
        var scenario = Scenario.primary()
        scenario.observation.store.record?.systemIdentifier = nil
        scenario.observation.store.record?.timeline = nil
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        scenario.apply(try #require(decision.write))
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("never makes a cluster anew when its data directory is gone: it gives the lease back")
    func lostData() throws {
        var scenario = Scenario.primary()
        scenario.observation.local.data = .absent
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        #expect(try #require(decision.write).record.holder == nil)
    }

    @Test("stops a postgres that does not answer only when a replica can take over")
    func unresponsive() {
        var scenario = Scenario.primary()
        scenario.pass(.seconds(11))
        scenario.observation.store.held?.sentAt = scenario.now
        // Nobody can stream from a server that hangs.
        scenario.observation.peers["pg-2"]?.status.streaming = false
        scenario.observation.peers["pg-3"]?.status.streaming = false
        #expect(scenario.decide().operations == [.stop(.fence)])
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        scenario.observation.local.crashedSince = scenario.now
        #expect(scenario.decide().write?.record.successor == "pg-2")

        var alone = Scenario.primary()
        alone.observation.peers = [:]
        alone.pass(.seconds(11))
        alone.observation.store.held?.sentAt = alone.now
        #expect(alone.decide().operations.isEmpty)
    }

    @Test("publishes what became of a crash restart")
    func crashReported() throws {
        var scenario = Scenario.primary()
        let running = scenario.observation.local.process
        scenario.observation.local.process = .stopped
        scenario.observation.local.crashedSince = scenario.now
        _ = scenario.decide()
        scenario.observation.local.process = running
        scenario.observation.local.crashedSince = nil
        let decision = scenario.decide()
        #expect(decision.reports.map(\.kind) == [.crashRestart])
        #expect(try #require(decision.write).record.lastTransition?.kind == .crashRestart)
    }
}
