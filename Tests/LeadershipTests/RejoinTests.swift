import ClusterModel
import Testing

@testable import Leadership

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

    @Test("on a timeline that the leader's history does not have is stopped and rewound, be its number higher or lower")
    func otherTimeline() {
        var scenario = stopped(Scenario.data(wasPrimary: false))
        scenario.observation.local.process = .running(Scenario.running(inRecovery: true, upstream: "pg-1"))
        scenario.server {
            $0.timeline = TimelineID(7)
            $0.flushed = LSN(rawValue: 0x4000000)
        }
        #expect(scenario.decide().operations == [.stop(.orderly)])
        var data = Scenario.data(wasPrimary: false)
        data.timeline = TimelineID(7)
        var down = stopped(data)
        #expect(down.decide().operations == [.rewind(from: "pg-1")])
    }

    @Test("that never answers because it needs WAL that the leader's history does not have is stopped and rewound")
    func neverConsistent() {
        var data = Scenario.data(wasPrimary: false)
        data.minimumRecovery = LSN(rawValue: 0x5000081)
        var scenario = stopped(data)
        scenario.observation.local.process = .starting(since: scenario.now)
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.stopServer()
        #expect(scenario.decide().operations == [.rewind(from: "pg-1")])
    }

    @Test("judges by the history of the leader that leads now, not by that of an earlier one")
    func earlierHistory() {
        var scenario = stopped(Scenario.data(wasPrimary: true))
        scenario.report("pg-1", role: .primary, timeline: 3)
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        #expect(decision.effects.contains(.ask(["pg-1"])))
    }

    @Test("streams from the replica that its configuration prefers while that one is fit, else from the leader")
    func cascade() {
        var scenario = Scenario.replica()
        scenario.observation.me.traits.replicateFrom = "pg-3"
        scenario.change { $0.members["pg-2"]?.traits.replicateFrom = "pg-3" }
        #expect(scenario.decide().operations == [.follow("pg-3")])
        var lost = scenario
        lost.observation.peers["pg-3"]?.status.streaming = false
        #expect(lost.decide().operations.isEmpty)
        // Two that prefer each other would make a ring.
        scenario.change { $0.members["pg-3"]?.traits.replicateFrom = "pg-2" }
        #expect(scenario.decide().operations.isEmpty)
    }

    @Test("streams from the leader itself where commits wait for so many that it has to be one of them")
    func neededDirectly() {
        var scenario = Scenario.replica()
        scenario.observation.me.traits.replicateFrom = "pg-3"
        scenario.change { $0.members["pg-2"]?.traits.replicateFrom = "pg-3" }
        scenario.makeLossless(.strict)
        _ = scenario.decide()
        scenario.change { $0.renewal = "second" }
        #expect(scenario.decide().operations == [.follow("pg-3")])
        scenario.observation.settings.synchronousCount = 2
        #expect(scenario.decide().operations.isEmpty)
        // One that is never counted is not needed.
        scenario.observation.me.traits.noSync = true
        scenario.change { $0.members["pg-2"]?.traits.noSync = true }
        #expect(scenario.decide().operations == [.follow("pg-3")])
    }

    @Test("without data is copied from a fit replica, which has more time than the primary, or from the primary")
    func source() {
        var scenario = Scenario.newcomer("pg-2", record: Scenario.record(holder: "pg-1"))
        scenario.report("pg-1", role: .primary)
        var alone = scenario
        #expect(alone.decide().operations == [.clone(from: "pg-1")])
        scenario.report("pg-3", role: .replica)
        #expect(scenario.decide().operations == [.clone(from: "pg-3")])
        scenario.observation.failure = OperationFailure(
            operation: .clone(from: "pg-3"), at: scenario.now - .seconds(1), count: 2, reason: "x")
        #expect(scenario.decide().operations == [.clone(from: "pg-1")])
    }
}
