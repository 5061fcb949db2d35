import ClusterModel
import Testing

@testable import Leadership

@Suite("The lease")
struct LeaseTests {
    @Test("is renewed once a period has passed, and not before")
    func renewal() throws {
        var scenario = Scenario.primary()
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1000))
        let write = try #require(scenario.decide().write)
        #expect(write == .replace(write.record, at: "v1"))
        #expect(write.record.holder == scenario.observation.me.incarnation)
        #expect(write.record.term == 3)
        #expect(write.record.renewal != "first")
        #expect(write.record.flushed == LSN(rawValue: 0x5000100))
    }

    @Test("lets its holder write until R + K after the last renewal was sent, and fence at R without another")
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
        #expect(decision.reports.map(\.kind) == [.fence])
    }

    @Test("wakes its holder when it is to be renewed, and when it ends")
    func wakes() {
        var scenario = Scenario.primary()
        #expect(scenario.decide().wakeAt == Scenario.start + .seconds(1))
        scenario.observation.store.writeInFlight = true
        scenario.pass(.milliseconds(3500))
        #expect(scenario.decide().wakeAt == Scenario.start + .seconds(4))
    }

    @Test("is counted by the duration that challengers see when the holder's own was just made longer")
    func longerDuration() {
        var scenario = Scenario.primary()
        scenario.observation.settings.duration = .seconds(60)
        scenario.observation.settings.giveUpAfter = .seconds(40)
        scenario.observation.settings.killWithin = .seconds(5)
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(4500))
        scenario.change { $0.durationMilliseconds = 60_000 }
        #expect(scenario.decide().writableUntil == Scenario.start + .seconds(45))
    }

    @Test("is not taken up again under a term whose renewal turns out to have been applied after its holder gave up")
    func lateReply() {
        var scenario = Scenario.primary()
        scenario.pass(.seconds(4))
        _ = scenario.decide()
        scenario.observation.store.held = StoreView.Held(term: 3, sentAt: scenario.now - .milliseconds(1))
        #expect(scenario.decide().writableUntil == nil)
    }

    @Test("is lost at once when the record names another holder")
    func stolen() {
        var scenario = Scenario.primary()
        scenario.observation.store.record = Scenario.record(holder: "pg-2", term: 4)
        #expect(scenario.decide().fences)
    }

    @Test("is what a writable postgres needs: without one it is fenced")
    func writableWithoutLease() {
        var scenario = Scenario.replica()
        scenario.observation.local.process = .running(Scenario.running(inRecovery: false))
        #expect(scenario.decide().fences)
    }

    @Test("is free when a whole D has passed over the same renewal, by the challenger's own clock")
    func expiry() {
        var scenario = Scenario.replica()
        #expect(scenario.decide().operations.isEmpty)
        scenario.observation.peers["pg-1"] = nil
        scenario.pass(.milliseconds(5999))
        #expect(scenario.decide().operations.isEmpty)
        scenario.pass(.milliseconds(1))
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("begins anew with every renewal that a challenger sees")
    func renewed() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.pass(.seconds(5))
        scenario.change { $0.renewal = "second" }
        scenario.observation.peers["pg-1"] = nil
        let decision = scenario.decide()
        #expect(decision.wakeAt <= scenario.now + .seconds(1))
        scenario.pass(.seconds(5))
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("begins anew when the record stops being paused: nobody has waited while nobody could stand")
    func resumed() {
        var scenario = Scenario.replica()
        scenario.change { $0.intent.paused = true }
        _ = scenario.decide()
        scenario.observation.peers["pg-1"] = nil
        scenario.pass(.seconds(30))
        #expect(scenario.decide().operations.isEmpty)
        scenario.change { $0.intent.paused = false }
        #expect(scenario.decide().operations.isEmpty)
        scenario.pass(.seconds(6))
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("is taken by naming exactly the version that was judged, under a new term")
    func takeOver() throws {
        var scenario = Scenario.candidate()
        let write = try #require(scenario.decide().write)
        #expect(write == .replace(write.record, at: "v1"))
        #expect(write.record.term == 4)
        #expect(write.record.holder == scenario.observation.me.incarnation)
    }

    @Test("takes a term above all that its data or another member knows of")
    func term() throws {
        var scenario = Scenario.candidate()
        scenario.observation.peers["pg-3"]?.status.term = 9
        #expect(try #require(scenario.decide().write).record.term == 10)
    }

    @Test("of an earlier run of the same pod is taken without waiting, under a new term and on the same timeline")
    func ownPast() throws {
        var scenario = Scenario.primary()
        scenario.observation.store.held = nil
        scenario.change { $0.holder = Incarnation(name: "pg-1", podUID: "uid-pg-1", bootID: "before") }
        scenario.stopServer()
        let write = try #require(scenario.decide().write)
        #expect(write.record.term == 4)
        #expect(write.record.timeline == TimelineID(1))
        scenario.apply(write)
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("of a pod of the same name but another identity is waited out")
    func namesake() {
        var scenario = Scenario.primary()
        scenario.observation.store.held = nil
        scenario.change { $0.holder = Incarnation(name: "pg-1", podUID: "other", bootID: "before") }
        scenario.stopServer()
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(5999))
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1))
        #expect(scenario.decide().write != nil)
    }

    @Test("that was released may be taken at once by anybody when no successor is named")
    func released() {
        var scenario = Scenario.replica()
        scenario.change { $0.holder = nil }
        scenario.observation.peers["pg-1"] = nil
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("that was released to a successor is taken by it at once; others leave it alone for a whole D")
    func successor() throws {
        var scenario = Scenario.replica()
        scenario.observation.peers["pg-1"] = nil
        scenario.change {
            $0.holder = nil
            $0.successor = "pg-2"
            $0.successorIsConfirmed = true
        }
        let write = try #require(scenario.decide().write)
        #expect(write.record.term == 4)
        #expect(write.record.successor == nil && !write.record.successorIsConfirmed)

        var other = Scenario.replica()
        other.observation.peers = [:]
        other.change {
            $0.holder = nil
            $0.successor = "pg-3"
        }
        #expect(other.decide().operations.isEmpty)
        other.pass(.milliseconds(5999))
        #expect(other.decide().operations.isEmpty)
        other.pass(.milliseconds(1))
        #expect(other.decide().operations == [.detach])
    }

    @Test("is not stormed: after a write that failed there is a pause, and never are two under way")
    func paced() {
        var scenario = Scenario.primary()
        scenario.pass(.seconds(1))
        scenario.observation.store.lastFailedWrite = scenario.now
        let decision = scenario.decide()
        #expect(decision.write == nil)
        #expect(decision.wakeAt == scenario.now + .milliseconds(200))
        scenario.pass(.milliseconds(200))
        #expect(scenario.decide().write != nil)
        scenario.observation.store.writeInFlight = true
        #expect(scenario.decide().write == nil)
    }
}
