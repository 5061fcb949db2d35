import ClusterModel
import Testing

@testable import Leadership

@Suite("Timelines")
struct TimelineTests {
    @Test("every take-over that promotes takes the number after the recorded one, whatever became of that one")
    func next() throws {
        for recorded in [1, 2, 7] as [UInt32] {
            var scenario = Scenario.candidate()
            scenario.change {
                $0.timeline = TimelineID(recorded)
                $0.timelineStart = LSN(rawValue: 0x4000000)
            }
            let write = try #require(scenario.decide().write)
            #expect(write.record.timeline == TimelineID(recorded + 1))
            #expect(write.record.timelineStart == nil)
            scenario.apply(write)
            #expect(scenario.decide().operations == [.promote(to: TimelineID(recorded + 1))])
        }
    }

    @Test("a candidate whose own timeline is past the recorded one takes the number after its own")
    func ownIsNewer() throws {
        var scenario = Scenario.candidate()
        scenario.server { $0.timeline = TimelineID(4) }
        #expect(try #require(scenario.decide().write).record.timeline == TimelineID(5))
    }

    @Test("a claim that was lost before its promotion blocks nobody: the next one takes another number")
    func lostWinner() throws {
        var scenario = Scenario.candidate()
        scenario.change {
            $0.timeline = TimelineID(2)
            $0.primary = "pg-3"
            $0.holder = Scenario.member("pg-3").incarnation
        }
        #expect(try #require(scenario.decide().write).record.timeline == TimelineID(3))
    }

    @Test("a winner that crashed in the middle of its promotion puts a new number into the record first")
    func crashedPromotion() throws {
        var scenario = Scenario.candidate()
        scenario.apply(try #require(scenario.decide().write))
        scenario.server { $0.timeline = TimelineID(2) }
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        let write = try #require(decision.write)
        #expect(write.record.timeline == TimelineID(3))
        scenario.apply(write)
        #expect(scenario.decide().operations == [.promote(to: TimelineID(3))])
    }

    @Test("a restart in place takes no number")
    func restart() throws {
        var scenario = Scenario.primary()
        scenario.observation.store.held = nil
        scenario.change { $0.holder = nil }
        scenario.stopServer()
        let write = try #require(scenario.decide().write)
        #expect(write.record.timeline == TimelineID(1))
        scenario.apply(write)
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    @Test("a primary's own claim of a number that it never reached is not a reason to open the old timeline again")
    func unreached() throws {
        var scenario = Scenario.primary()
        scenario.change { $0.timeline = TimelineID(2) }
        scenario.stopServer()
        #expect(scenario.decide().operations == [.start(.standby(upstream: nil))])
    }

    @Test("where a timeline began is written once its history is known")
    func start() throws {
        var scenario = Scenario.primary()
        scenario.change { $0.timeline = TimelineID(2) }
        scenario.server { $0.timeline = TimelineID(2) }
        scenario.pass(.seconds(1))
        #expect(try #require(scenario.decide().write).record.timelineStart == nil)
        scenario.observation.leaderHistory = TimelineHistory(
            timeline: TimelineID(2), ancestors: [.init(timeline: TimelineID(1), end: LSN(rawValue: 0x5000080))])
        #expect(try #require(scenario.decide().write).record.timelineStart == LSN(rawValue: 0x5000080))
    }

    @Test("no promotion is ordered twice while one is under way")
    func once() throws {
        var scenario = Scenario.candidate()
        scenario.apply(try #require(scenario.decide().write))
        scenario.observation.operation = .promote(to: TimelineID(2))
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty && decision.write == nil)
    }
}
