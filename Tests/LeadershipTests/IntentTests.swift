import ClusterModel
import Testing

@testable import Leadership

@Suite("What people ask for")
struct IntentTests {
    // MARK: Paused

    @Test("paused: the lease and its fence go on")
    func pausedLease() throws {
        var scenario = Scenario.primary()
        scenario.change { $0.intent.paused = true }
        scenario.pass(.seconds(1))
        #expect(try #require(scenario.decide().write).record.holder == scenario.observation.me.incarnation)
        scenario.observation.store.writeInFlight = true
        scenario.pass(.seconds(3))
        #expect(scenario.decide().fences)
    }

    @Test("paused: nobody is promoted, and nothing that has run once is started again")
    func paused() {
        var standby = Scenario.replica()
        standby.change { $0.intent.paused = true }
        _ = standby.decide()
        standby.stopServer(crashed: true)
        let down = standby.decide()
        #expect(down.operations.isEmpty)
        #expect(down.problem == "postgres is down, and the cluster is paused")

        var released = Scenario.replica()
        released.observation.peers["pg-1"] = nil
        released.change {
            $0.intent.paused = true
            $0.holder = nil
        }
        let waiting = released.decide()
        #expect(waiting.operations.isEmpty && waiting.write == nil)
        #expect(waiting.problem == "nobody leads, and the cluster is paused")

        var primary = Scenario.primary()
        primary.change { $0.intent.paused = true }
        _ = primary.decide()
        primary.stopServer(crashed: true)
        #expect(primary.decide().operations.isEmpty)
    }

    @Test("paused: a member that boots starts its postgres all the same")
    func pausedBoot() {
        var scenario = Scenario.replica()
        scenario.change { $0.intent.paused = true }
        scenario.stopServer()
        #expect(scenario.decide().operations == [.start(.standby(upstream: "pg-1"))])
    }

    // MARK: Fenced

    @Test("a fenced standby is stopped and stays down, and PID 1 stays up")
    func fencedStandby() {
        var scenario = Scenario.replica()
        scenario.change { $0.intent.fenced = ["pg-2"] }
        let decision = scenario.decide()
        #expect(decision.operations == [.stop(.orderly)])
        #expect(decision.problem == "is fenced")
        scenario.stopServer()
        let down = scenario.decide()
        #expect(down.operations.isEmpty && down.exit == nil)
        scenario.change { $0.intent.fenced = [] }
        #expect(scenario.decide().operations == [.start(.standby(upstream: "pg-1"))])
    }

    @Test("a fenced primary hands over first")
    func fencedPrimary() throws {
        var scenario = Scenario.primary()
        scenario.change { $0.intent.fenced = ["pg-1"] }
        #expect(scenario.decide().operations == [.checkpoint])
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.observation.local.data = .present(Scenario.data(wasPrimary: true))
        scenario.stopServer()
        _ = scenario.decide()
        scenario.pass(.milliseconds(5))
        scenario.report("pg-2", role: .replica)
        let release = try #require(scenario.decide().write)
        #expect(release.record.holder == nil)
        #expect(release.record.successor == "pg-2")
    }

    @Test("a fenced primary that nobody can take over from stops and gives the lease back all the same")
    func fencedAlone() throws {
        var scenario = Scenario.primary()
        scenario.observation.peers = [:]
        scenario.change { $0.intent.fenced = ["pg-1"] }
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.stopServer()
        let release = try #require(scenario.decide().write)
        #expect(release.record.holder == nil && release.record.successor == nil)
        scenario.apply(release)
        scenario.pass(.seconds(60))
        let later = scenario.decide()
        #expect(later.write == nil && later.operations.isEmpty)
    }

    // MARK: Made anew

    func recloned(from source: MemberName? = nil) -> Scenario {
        var scenario = Scenario.replica()
        scenario.change { $0.intent.reclone = ["pg-2": RecloneRequest(id: "r1", from: source)] }
        return scenario
    }

    @Test("a requested copy stops the server, copies, and is reported once")
    func reclone() throws {
        var scenario = recloned(from: "pg-1")
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.stopServer()
        let copy = Operation.clone(from: "pg-1")
        #expect(scenario.decide().operations == [copy])
        scenario.observation.operation = copy
        #expect(scenario.decide().write == nil)
        scenario.observation.operation = nil
        let done = scenario.decide()
        #expect(done.reports.map(\.id) == ["r1"])
        let write = try #require(done.write)
        #expect(write.record.intent.reclone.isEmpty)
        scenario.apply(write)
        let after = scenario.decide()
        #expect(after.operations == [.start(.standby(upstream: "pg-1"))])
        #expect(after.reports.isEmpty)
    }

    @Test("a copy that failed is not reported as done, whoever the best source is by now")
    func failedReclone() {
        var scenario = recloned(from: "pg-3")
        _ = scenario.decide()
        scenario.stopServer()
        #expect(scenario.decide().operations == [.clone(from: "pg-3")])
        scenario.observation.failure = OperationFailure(
            operation: .clone(from: "pg-3"), at: scenario.now, count: 1, reason: "x")
        scenario.observation.peers["pg-3"] = nil
        let decision = scenario.decide()
        #expect(decision.reports.isEmpty && decision.write == nil)
        #expect(decision.operations == [.clone(from: "pg-1")])
    }

    @Test("in a lossless mode a copy is always made of the primary: a replica may lack what this member acknowledged")
    func losslessReclone() {
        var scenario = recloned(from: "pg-3")
        scenario.makeLossless()
        _ = scenario.decide()
        scenario.stopServer()
        #expect(scenario.decide().operations == [.clone(from: "pg-1")])
    }

    // MARK: Restarted in turn

    func restarting(_ scenario: Scenario, _ remaining: [MemberName] = ["pg-1", "pg-2", "pg-3"]) -> Scenario {
        var scenario = scenario
        scenario.change { $0.intent.restart = RestartRequest(id: "r1", remaining: remaining) }
        return scenario
    }

    @Test("a replica restarts when it is its turn, and says so once it streams again")
    func replicaRestart() throws {
        var scenario = restarting(.replica())
        #expect(scenario.decide().operations == [.stop(.orderly)])
        let running = scenario.observation.local.process
        scenario.stopServer()
        #expect(scenario.decide().operations == [.start(.standby(upstream: "pg-1"))])
        scenario.observation.local.process = running
        scenario.observation.local.upstream = "pg-1"
        let write = try #require(scenario.decide().write)
        #expect(write.record.intent.restart?.remaining == ["pg-1", "pg-3"])
        scenario.apply(write)
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("one at a time, by name; fenced and removed members are passed over")
    func turns() {
        var waiting = restarting(.replica(), ["pg-0", "pg-1", "pg-2"])
        waiting.change { $0.members["pg-0"] = Scenario.member("pg-0") }
        #expect(waiting.decide().operations.isEmpty)
        var fenced = waiting
        fenced.change { $0.intent.fenced = ["pg-0"] }
        #expect(fenced.decide().operations == [.stop(.orderly)])
        waiting.change { $0.members["pg-0"] = nil }
        #expect(waiting.decide().operations == [.stop(.orderly)])
    }

    @Test("only members whose settings wait for a restart, if so asked, and not before the time that was named")
    func conditions() throws {
        var pending = restarting(.replica())
        pending.change { $0.intent.restart?.onlyIfPending = true }
        let skipped = pending.decide()
        #expect(skipped.operations.isEmpty)
        #expect(try #require(skipped.write).record.intent.restart?.remaining == ["pg-1", "pg-3"])
        pending.server { $0.pendingRestart = true }
        #expect(pending.decide().operations == [.stop(.orderly)])

        var scheduled = restarting(.replica())
        scheduled.change { $0.intent.restart?.notBefore = 1000 }
        scheduled.observation.wallClock = 999
        #expect(scheduled.decide().operations.isEmpty)
        scheduled.observation.wallClock = 1000
        #expect(scheduled.decide().operations == [.stop(.orderly)])
    }

    @Test("the primary's turn comes last: it hands over")
    func primaryRestart() {
        var early = restarting(.primary(), ["pg-1", "pg-3"])
        #expect(early.decide().operations.isEmpty)
        var last = restarting(.primary(), ["pg-1"])
        #expect(last.decide().operations == [.checkpoint])
        #expect(last.memory.handover?.target == "pg-2")
    }

    @Test("a primary that was stopped for its turn and came back has had it, though nobody took over")
    func failedTurn() throws {
        var scenario = restarting(.primary(), ["pg-1"])
        _ = scenario.decide()
        #expect(scenario.decide().operations == [.stop(.orderly)])
        let running = scenario.observation.local.process
        scenario.observation.local.data = .present(Scenario.data(wasPrimary: true))
        scenario.stopServer()
        _ = scenario.decide()
        scenario.pass(.seconds(5))
        scenario.observation.store.held?.sentAt = scenario.now
        let back = scenario.decide()
        #expect(back.operations == [.start(.primary)])
        scenario.apply(try #require(back.write))
        scenario.observation.local.process = running
        scenario.server { _ in }
        let after = scenario.decide()
        #expect(after.operations.isEmpty)
        #expect(try #require(after.write).record.intent.restart == nil)
    }

    @Test("a lone primary restarts in place, once")
    func loneRestart() throws {
        var scenario = restarting(.primary(), ["pg-1"])
        scenario.observation.peers = [:]
        scenario.change {
            $0.members = ["pg-1": Scenario.member("pg-1")]
            $0.electorate = ["pg-1"]
        }
        let running = scenario.observation.local.process
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.stopServer()
        #expect(scenario.decide().operations == [.start(.primary)])
        scenario.observation.local.process = running
        let done = scenario.decide()
        #expect(done.operations.isEmpty)
        #expect(done.reports.map(\.kind) == [.restart])
        #expect(try #require(done.write).record.intent.restart == nil)
    }
}
