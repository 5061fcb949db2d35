import ClusterModel
import Testing

@testable import Leadership

@Suite("A holder whose postgres is of no use")
struct UselessHolderTests {
    /// pg-1, whose postgres has just crashed while it led.
    func crashed() -> Scenario {
        var scenario = Scenario.primary()
        _ = scenario.decide()
        scenario.stopServer(crashed: true)
        return scenario
    }

    /// Time passes, and the store goes on answering.
    func holds(_ scenario: inout Scenario, for span: Duration) {
        scenario.pass(span)
        scenario.observation.store.held?.sentAt = scenario.now
    }

    @Test("restarts it in place after a crash, as primary and at once")
    func crash() {
        var scenario = crashed()
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("gives the lease to a ready replica when it does not come back within the budget")
    func crashBudget() throws {
        var scenario = crashed()
        holds(&scenario, for: .seconds(10))
        #expect(scenario.decide().operations == [.start(.primary)])
        holds(&scenario, for: .milliseconds(1))
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        let write = try #require(decision.write)
        #expect(write.record.holder == nil)
        #expect(write.record.successor == "pg-2")
        #expect(!write.record.successorIsConfirmed)
    }

    @Test("does not take the lease again at once that it gave away for that")
    func yielded() throws {
        var scenario = crashed()
        holds(&scenario, for: .seconds(11))
        scenario.apply(try #require(scenario.decide().write))
        scenario.change { $0.successor = nil }
        scenario.pass(.milliseconds(5999))
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1))
        #expect(try #require(scenario.decide().write).record.holder == scenario.observation.me.incarnation)
    }

    @Test("counts the budget from when it won the lease, not from a crash before")
    func oldCrash() {
        var scenario = Scenario.primary()
        scenario.stopServer()
        scenario.observation.local.crashedSince = scenario.now - .seconds(60)
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("keeps trying beyond the budget when no replica is ready")
    func crashAlone() {
        var scenario = crashed()
        scenario.observation.peers = [:]
        holds(&scenario, for: .seconds(60))
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("stops a recovery that takes longer than the budget only when a replica is ready")
    func slowRecovery() {
        var scenario = crashed()
        scenario.observation.local.process = .starting(since: scenario.now)
        scenario.observation.local.mayWrite = true
        var alone = scenario
        alone.observation.peers = [:]
        holds(&scenario, for: .seconds(11))
        #expect(scenario.decide().fences)
        holds(&alone, for: .seconds(600))
        #expect(!alone.decide().fences)
    }

    @Test("tells what became of a crash restart, once, and has it published")
    func crashReported() throws {
        var scenario = Scenario.primary()
        let running = scenario.observation.local.process
        scenario.stopServer(crashed: true)
        _ = scenario.decide()
        scenario.observation.local.process = running
        scenario.observation.local.crashedSince = nil
        let decision = scenario.decide()
        #expect(decision.reports.map(\.kind) == [.crashRestart])
        let write = try #require(decision.write)
        #expect(write.record.lastTransition?.kind == .crashRestart)
        scenario.apply(write)
        let next = scenario.decide()
        #expect(next.reports.isEmpty && next.write == nil)
    }

    @Test("stops a postgres that does not answer when a replica is ready, and releases the lease once it is down")
    func unresponsive() {
        var scenario = Scenario.primary()
        holds(&scenario, for: .seconds(11))
        // Nobody can stream from a server that hangs.
        scenario.observation.peers["pg-2"]?.status.streaming = false
        scenario.observation.peers["pg-3"]?.status.streaming = false
        let stopping = scenario.decide()
        #expect(stopping.operations == [.stop(.fence)])
        #expect(stopping.write == nil)
        scenario.stopServer(crashed: true)
        #expect(scenario.decide().write?.record.successor == "pg-2")
    }

    @Test("waits for a postgres that does not answer when nobody else is ready, or the cluster is paused")
    func unresponsiveAlone() {
        var alone = Scenario.primary()
        alone.observation.peers = [:]
        holds(&alone, for: .seconds(11))
        #expect(alone.decide().operations.isEmpty)

        var paused = Scenario.primary()
        paused.change { $0.intent.paused = true }
        holds(&paused, for: .seconds(11))
        let decision = paused.decide()
        #expect(decision.operations.isEmpty)
    }

    @Test("waits with a postgres that hangs for ten seconds, not less")
    func patience() {
        var scenario = Scenario.primary()
        holds(&scenario, for: .seconds(10))
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("stops it when the disk has not taken a write for as long, though postgres answers")
    func hungDisk() {
        var scenario = Scenario.primary()
        scenario.observation.local.disk = .hung(since: scenario.now)
        holds(&scenario, for: .seconds(10))
        scenario.server { _ in }
        #expect(scenario.decide().operations.isEmpty)
        holds(&scenario, for: .milliseconds(1))
        scenario.server { _ in }
        let decision = scenario.decide()
        #expect(decision.operations == [.stop(.fence)])
        #expect(decision.problem == "the disk has not taken a write for 10 s")
    }

    @Test("goes on with a full disk, and says so: the others have the same data, and room can be made")
    func fullDisk() {
        var scenario = Scenario.primary()
        scenario.observation.local.disk = .full
        for _ in 0..<20 {
            holds(&scenario, for: .seconds(1))
            scenario.server { _ in }
            let decision = scenario.decide()
            #expect(decision.operations.isEmpty && !decision.fences)
            #expect(decision.problem == "the disk is full")
        }
    }

    @Test("does not give the lead to a member whose own disk is full")
    func fullTarget() {
        var scenario = crashed()
        for name in ["pg-2", "pg-3"] as [MemberName] { scenario.observation.peers[name]?.status.diskFull = true }
        holds(&scenario, for: .seconds(11))
        #expect(scenario.decide().operations == [.start(.primary)])
    }
}
