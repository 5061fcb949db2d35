import ClusterModel
import Testing

@testable import Leadership

@Suite("A member without the lease")
struct StandByTests {
    @Test("waits for a whole D over an unchanged record before it takes over")
    func expiry() throws {
        var scenario = Scenario.replica()
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(5999))
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1))
        let write = try #require(scenario.decide().write)
        #expect(write == .replace(write.record, at: "v1"))
        #expect(write.record.term == 4)
        #expect(write.record.timeline == TimelineID(2))
    }

    @Test("asks the others once nobody leads, and judges by their answers, for a moment at most")
    func votes() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.pass(.seconds(6), reports: false)
        let asked = scenario.decide()
        #expect(asked.write == nil)
        #expect(asked.effects.contains(.ask(["pg-3"])))
        var answered = scenario
        answered.report("pg-3", role: .replica)
        #expect(answered.decide().write != nil)
        scenario.pass(.milliseconds(300), reports: false)
        #expect(scenario.decide().write != nil)
    }

    @Test("starts the wait anew with every renewal it sees")
    func renewed() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.pass(.seconds(5))
        scenario.observation.store.record?.renewal = "second"
        _ = scenario.decide()
        scenario.pass(.seconds(5))
        #expect(scenario.decide().write == nil)
    }

    @Test("leaves the lead to a member that has more WAL, and among equals to the first name")
    func ranking() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.pass(.seconds(6))
        scenario.report("pg-3", role: .replica, flushed: 0x5000101)
        #expect(scenario.decide().write == nil)
        scenario.report("pg-3", role: .replica, flushed: 0x5000100)
        #expect(scenario.decide().write != nil)
    }

    @Test("does not wait for good for a better member that never moves")
    func betterButIdle() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.pass(.seconds(6))
        scenario.report("pg-3", role: .replica, flushed: 0x5000101)
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(6))
        #expect(scenario.decide().write != nil)
    }

    @Test("does not stand when it is further behind than maximumLag")
    func lag() {
        var scenario = Scenario.replica()
        scenario.observation.store.record?.flushed = LSN(rawValue: 0x5000100 + (16 << 20) + 1)
        _ = scenario.decide()
        scenario.pass(.seconds(6))
        #expect(scenario.decide().write == nil)
    }

    @Test("never makes a timeline that was promised to another member")
    func promised() {
        var scenario = Scenario.replica()
        scenario.observation.store.record?.timeline = TimelineID(2)
        _ = scenario.decide()
        scenario.pass(.seconds(60))
        let decision = scenario.decide()
        #expect(decision.write == nil)
        #expect(decision.problem?.contains("promised") == true)
    }

    @Test("takes over from an earlier run of the same pod without waiting, under a new term")
    func ownPast() throws {
        var scenario = Scenario.primary()
        scenario.observation.store.held = nil
        scenario.observation.store.record?.holder = Incarnation(name: "pg-1", podUID: "uid-pg-1", bootID: "before")
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        let write = try #require(scenario.decide().write)
        #expect(write.record.term == 4)
        #expect(write.record.timeline == TimelineID(1))
        scenario.apply(write)
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("waits out a lease that a pod of the same name but another identity holds")
    func namesake() {
        var scenario = Scenario.primary()
        scenario.observation.store.held = nil
        scenario.observation.store.record?.holder = Incarnation(name: "pg-1", podUID: "other", bootID: "before")
        scenario.observation.local.process = .stopped
        scenario.observation.local.mayWrite = false
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(6))
        #expect(scenario.decide().write != nil)
    }

    @Test("fences a postgres that runs as primary without a lease")
    func writableWithoutLease() {
        var scenario = Scenario.replica()
        scenario.observation.local.process = .running(Scenario.running(inRecovery: false))
        #expect(scenario.decide().fences)
    }

    @Test("refuses a data directory of another cluster and touches nothing")
    func foreign() {
        var scenario = Scenario.replica()
        scenario.observation.store.record?.systemIdentifier = SystemIdentifier(rawValue: 1)
        let decision = scenario.decide()
        #expect(decision.exit == ExitCode.dataRefused)
        #expect(decision.operations.isEmpty && decision.write == nil)
    }

    @Test("discards a directory that was made but never opened when another one became the cluster")
    func lostRace() {
        var scenario = Scenario.replica()
        scenario.observation.store.record?.systemIdentifier = SystemIdentifier(rawValue: 1)
        var data = Scenario.data(wasPrimary: true)
        data.term = 0
        scenario.observation.local.data = .present(data)
        scenario.observation.local.process = .stopped
        #expect(scenario.decide().operations == [.discard])
    }

    @Test("clones only from a primary that is open under the recorded term")
    func clone() {
        var scenario = Scenario.newcomer(record: Scenario.record(holder: "pg-1"))
        #expect(scenario.decide().operations.isEmpty)
        scenario.report("pg-1", role: .primary)
        #expect(scenario.decide().operations == [.clone(from: "pg-1")])
        scenario.observation.peers["pg-1"]?.status.term = 2
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("makes the record anew without a holder when it was lost, after D, and never runs initdb beside data")
    func lostRecord() throws {
        var scenario = Scenario.replica()
        scenario.observation.store.record = nil
        scenario.observation.store.version = nil
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(6))
        let write = try #require(scenario.decide().write)
        #expect(write.record.holder == nil)
        #expect(write.record.systemIdentifier == Scenario.systemIdentifier)
        #expect(write.record.term == 3)
    }

    @Test("enters itself into the record")
    func registers() throws {
        var scenario = Scenario.replica()
        scenario.observation.store.record?.members["pg-2"] = nil
        let write = try #require(scenario.decide().write)
        #expect(write.record.members["pg-2"] == scenario.observation.me)
        #expect(write.record.renewal == "first")
    }

    @Test("pauses after a failed write instead of storming the store")
    func pause() {
        var scenario = Scenario.replica()
        scenario.observation.store.record?.members["pg-2"] = nil
        scenario.observation.store.lastFailedWrite = scenario.now
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(200))
        #expect(scenario.decide().write != nil)
    }
}

@Suite("A former primary or a diverged standby")
struct RejoinTests {
    /// pg-2 stopped; pg-1 leads timeline 2, which left timeline 1 at 0/5000080.
    func stopped(_ data: DataState) -> Scenario {
        var scenario = Scenario.replica()
        scenario.observation.store.record?.timeline = TimelineID(2)
        scenario.observation.local.data = .present(data)
        scenario.observation.local.process = .stopped
        scenario.observation.leaderHistory = TimelineHistory(
            timeline: TimelineID(2), ancestors: [.init(timeline: TimelineID(1), end: LSN(rawValue: 0x5000080))])
        scenario.report("pg-1", role: .primary, timeline: 2)
        return scenario
    }

    @Test("follows when its clean shutdown checkpoint lies before the fork")
    func follow() {
        var scenario = stopped(Scenario.data(wasPrimary: true))
        #expect(scenario.decide().operations == [.start(.standby(upstream: "pg-1"))])
    }

    @Test("is rewound when it was not shut down cleanly, or its checkpoint lies past the fork")
    func rewind() {
        var crashed = stopped(Scenario.data(wasPrimary: true, clean: false))
        #expect(crashed.decide().operations == [.rewind(from: "pg-1")])
        var past = Scenario.data(wasPrimary: true)
        past.checkpoint = LSN(rawValue: 0x5000080)
        var scenario = stopped(past)
        #expect(scenario.decide().operations == [.rewind(from: "pg-1")])
    }

    @Test("is cloned anew after two failed rewinds")
    func clone() {
        var scenario = stopped(Scenario.data(wasPrimary: true, clean: false))
        scenario.observation.failure = OperationFailure(
            operation: .rewind(from: "pg-1"), at: scenario.now, count: 1, reason: "x")
        scenario.pass(.seconds(10))
        #expect(scenario.decide().operations == [.rewind(from: "pg-1")])
        scenario.observation.failure?.count = 2
        #expect(scenario.decide().operations == [.clone(from: "pg-1")])
    }

    @Test("is never started while a rewind is unfinished, only rewound again")
    func interruptedRewind() {
        var data = Scenario.data(wasPrimary: true)
        data.rewindPending = true
        var scenario = stopped(data)
        #expect(scenario.decide().operations == [.rewind(from: "pg-1")])
        scenario.observation.peers = [:]
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("as a running standby with WAL past the fork is stopped first")
    func divergedStandby() {
        var scenario = stopped(Scenario.data(wasPrimary: false))
        scenario.observation.local.process = .running(Scenario.running(inRecovery: true, upstream: "pg-1"))
        #expect(scenario.decide().operations == [.stop(.orderly)])
    }

    @Test("waits with a former primary's directory until the leader's history is known")
    func unknownHistory() {
        var scenario = stopped(Scenario.data(wasPrimary: true))
        scenario.observation.leaderHistory = nil
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("points a standby that has not answered yet to the leader too: it may need WAL to answer at all")
    func startingUpstream() {
        var scenario = Scenario.replica()
        scenario.observation.local.process = .starting(since: scenario.now)
        scenario.observation.local.upstream = "pg-3"
        #expect(scenario.decide().operations == [.follow("pg-1")])
        scenario.observation.local.upstream = "pg-1"
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("points a running standby to the new primary's own address")
    func newUpstream() {
        var scenario = Scenario.replica()
        scenario.observation.local.process = .running(Scenario.running(inRecovery: true, upstream: "pg-3"))
        #expect(scenario.decide().operations == [.follow("pg-1")])
    }
}
