import ClusterModel
import Testing

@testable import Leadership

@Suite("A planned hand-over")
struct SwitchoverTests {
    func requested(to target: MemberName? = "pg-2") -> Scenario {
        var scenario = Scenario.primary()
        scenario.observation.store.record?.intent.switchover = SwitchoverRequest(
            id: "s1", from: "pg-1", to: target, deadlineMilliseconds: 30000)
        return scenario
    }

    /// Brings the primary to where its postgres has stopped cleanly.
    func stopped(_ scenario: inout Scenario) {
        #expect(scenario.decide().operations == [.checkpoint])
        #expect(scenario.decide().operations == [.stop(.orderly)])
        var data = Scenario.data(wasPrimary: true)
        data.checkpoint = LSN(rawValue: 0x6000028)
        scenario.observation.local.data = .present(data)
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
    }

    @Test("checkpoints, stops, waits for the target's confirmation and releases the lease to it alone")
    func order() throws {
        var scenario = requested()
        stopped(&scenario)
        let waiting = scenario.decide()
        #expect(waiting.write == nil)
        #expect(waiting.effects.contains(.ask(["pg-2"])))
        scenario.pass(.milliseconds(10))
        scenario.report("pg-2", role: .replica, flushed: 0x60000A0)
        let write = try #require(scenario.decide().write)
        #expect(write.record.holder == nil)
        #expect(write.record.successor == "pg-2")
        #expect(write.record.flushed == LSN(rawValue: 0x6000028))
        scenario.apply(write)
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("does not take a report from before the stop for a confirmation")
    func staleConfirmation() {
        var scenario = requested()
        scenario.report("pg-2", role: .replica, flushed: 0x7000000)
        scenario.observation.peers["pg-2"]?.receivedAt = scenario.now - .milliseconds(1)
        stopped(&scenario)
        #expect(scenario.decide().write == nil)
    }

    @Test("goes back to being primary when the target does not confirm in time")
    func wayBack() {
        var scenario = requested()
        stopped(&scenario)
        _ = scenario.decide()
        scenario.pass(.seconds(5))
        scenario.observation.store.held?.sentAt = scenario.now
        let decision = scenario.decide()
        #expect(decision.operations == [.start(.primary)])
        #expect(decision.reports.map(\.succeeded) == [false])
    }

    @Test(
        "does not go back to being primary while the release may still be applied: a later renewal must succeed first")
    func doubtfulRelease() throws {
        var scenario = requested()
        stopped(&scenario)
        _ = scenario.decide()
        scenario.pass(.milliseconds(10))
        scenario.report("pg-2", role: .replica, flushed: 0x60000A0)
        #expect(try #require(scenario.decide().write).record.successor == "pg-2")
        // Its answer does not come, and the target falls silent.
        scenario.observation.store.writeInFlight = true
        scenario.pass(.seconds(3), reports: false)
        _ = scenario.decide()
        scenario.observation.settings.confirmationPatience = .seconds(2)
        #expect(scenario.decide().operations.isEmpty)
        // The store says that it failed, but not that it will never be applied.
        scenario.observation.store.writeInFlight = false
        let renewal = try #require(scenario.decide().write)
        #expect(renewal.record.holder == scenario.observation.me.incarnation)
        #expect(scenario.decide().operations.isEmpty)
        scenario.apply(renewal)
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("is refused with a reason when the target does not exist, lags, or is the primary")
    func refusals() throws {
        for (target, part) in [("pg-9", "not a member"), ("pg-1", "primary already")] as [(MemberName, String)] {
            var scenario = requested(to: target)
            let reports = scenario.decide().reports
            #expect(reports.first?.succeeded == false)
            #expect(try #require(reports.first).reason.contains(part))
        }
        var lagging = requested()
        lagging.report("pg-2", role: .replica, flushed: 0x1000000)
        _ = lagging.decide()
        lagging.pass(.milliseconds(100))
        #expect(try #require(lagging.decide().reports.first).reason.contains("behind"))
    }

    @Test("is not refused because of a report that is older than the request: the target is asked first")
    func staleRefusal() {
        var scenario = requested()
        scenario.observation.peers["pg-2"]?.status.candidate = false
        let first = scenario.decide()
        #expect(first.reports.isEmpty)
        #expect(first.effects.contains(.ask(["pg-2"])))
        scenario.pass(.milliseconds(50))
        scenario.report("pg-2", role: .replica)
        #expect(scenario.decide().operations == [.checkpoint])
    }

    @Test("is refused after two seconds when the target says nothing")
    func silentTarget() {
        var scenario = requested()
        scenario.observation.peers["pg-2"] = nil
        #expect(scenario.decide().reports.isEmpty)
        scenario.pass(.seconds(2), reports: false)
        #expect(scenario.decide().reports.first?.succeeded == false)
    }

    @Test("picks the member with the most WAL when none is named")
    func best() {
        var scenario = requested(to: nil)
        scenario.report("pg-3", role: .replica, flushed: 0x5000200)
        _ = scenario.decide()
        #expect(scenario.memory.handover?.target == "pg-3")
    }

    @Test("is left and reported when the target goes away before postgres is stopped")
    func targetGone() {
        var scenario = requested()
        #expect(scenario.decide().operations == [.checkpoint])
        scenario.observation.peers["pg-2"] = nil
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        #expect(decision.reports.map(\.succeeded) == [false])
    }

    @Test("ends with the promotion of the successor, on a timeline of its own")
    func successor() throws {
        var scenario = Scenario.replica()
        scenario.change {
            $0.holder = nil
            $0.successor = "pg-2"
            $0.successorIsConfirmed = true
        }
        scenario.observation.peers = [:]
        let write = try #require(scenario.decide().write)
        #expect(write.record.timeline == TimelineID(2))
        scenario.apply(write)
        #expect(scenario.decide().operations == [.promote(to: TimelineID(2))])
    }

    @Test("begins at the time that was named, not before, and wakes up for it")
    func scheduled() {
        var scenario = requested()
        scenario.change { $0.intent.switchover?.notBefore = 10_000 }
        scenario.observation.wallClock = 9_700
        let early = scenario.decide()
        #expect(early.operations.isEmpty && early.reports.isEmpty)
        #expect(early.wakeAt == scenario.now + .milliseconds(300))
        scenario.observation.wallClock = 10_000
        #expect(scenario.decide().operations == [.checkpoint])
    }

    @Test("that was forced goes on although the target lacks WAL, and says how much was given up")
    func forced() throws {
        var scenario = requested()
        scenario.change { $0.intent.switchover?.force = true }
        scenario.report("pg-2", role: .replica, flushed: 0x1000000)
        stopped(&scenario)
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(5))
        scenario.observation.store.held?.sentAt = scenario.now
        let write = try #require(scenario.decide().write)
        #expect(write.record.successor == "pg-2" && write.record.successorIsConfirmed)
        let end = try #require(write.record.lastTransition)
        #expect(end.reason == "forced: \(0x6000028 - 0x1000000) bytes of WAL were given up")
    }

    @Test("that was not forced is refused for a target that lacks WAL in any mode")
    func unforced() {
        for mode in SynchronousMode.allCases {
            var scenario = requested()
            scenario.makeLossless(mode)
            scenario.report("pg-2", role: .replica, flushed: 0x1000000)
            _ = scenario.decide()
            scenario.pass(.seconds(2))
            scenario.observation.store.held?.sentAt = scenario.now
            #expect(scenario.decide().reports.map(\.succeeded) == [false])
        }
    }

    @Test("to a target that is not confirmed is no right to lead in a lossless mode: it needs votes")
    func unconfirmedSuccessor() {
        var scenario = Scenario.replica()
        scenario.makeLossless()
        scenario.observation.peers = [:]
        scenario.change {
            $0.holder = nil
            $0.successor = "pg-2"
        }
        let decision = scenario.decide()
        #expect(decision.write == nil)
        #expect(decision.operations == [.detach])
    }

    @Test("happens by itself when the primary is asked to stop; then it leaves")
    func shutdown() throws {
        var scenario = Scenario.primary()
        scenario.observation.shutdownRequests = 1
        let first = scenario.decide()
        #expect(first.operations == [.checkpoint])
        scenario.apply(try #require(first.write))
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.observation.local.data = .present(Scenario.data(wasPrimary: true))
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        _ = scenario.decide()
        scenario.pass(.milliseconds(5))
        scenario.report("pg-2", role: .replica, flushed: 0x5000100)
        let write = try #require(scenario.decide().write)
        #expect(write.record.successor == "pg-2")
        scenario.apply(write)
        #expect(scenario.decide().exit == 0)
    }

    @Test("asks the others before it finds nobody to hand over to: they may have become ready since they reported")
    func shutdownAsksFirst() {
        var scenario = Scenario.primary()
        scenario.observation.peers["pg-2"]?.status.candidate = false
        scenario.observation.peers["pg-3"] = nil
        scenario.observation.shutdownRequests = 1
        #expect(scenario.decide().operations.isEmpty)
        scenario.pass(.milliseconds(50))
        scenario.report("pg-3", role: .replica)
        #expect(scenario.decide().operations == [.checkpoint])

        var alone = Scenario.primary()
        alone.observation.peers = [:]
        alone.observation.shutdownRequests = 1
        #expect(alone.decide().operations.isEmpty)
        alone.pass(.seconds(2))
        alone.observation.store.held?.sentAt = alone.now
        #expect(alone.decide().operations == [.stop(.orderly)])
    }

    @Test("a member that is asked to stop does not wait for a clone to end")
    func stopDuringClone() {
        var scenario = Scenario.newcomer(record: Scenario.record(holder: "pg-1"))
        scenario.observation.operation = .clone(from: "pg-1")
        scenario.observation.shutdownRequests = 1
        #expect(scenario.decide().exit == 0)
    }

    @Test("is skipped when the stop is asked for twice: postgres stops, the lease is released, PID 1 leaves")
    func secondSignal() throws {
        var scenario = Scenario.primary()
        scenario.observation.shutdownRequests = 2
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        let write = try #require(scenario.decide().write)
        #expect(write.record.holder == nil && write.record.successor == nil)
        scenario.apply(write)
        #expect(scenario.decide().exit == 0)
    }
}
