import ClusterModel
import Testing

@testable import Management

struct SwitchoverPlanTests {
    private func to(_ name: MemberName?, force: Bool = false, at: Int64? = nil) -> ControlRequest {
        .switchover(SwitchoverCommand(to: name, at: at, force: force))
    }

    @Test("a switchover is recorded with its target, its time and the present primary")
    func accepted() throws {
        let view = PlanFixture()
        #expect(
            try view.write(to(nil)).intent.switchover
                == SwitchoverRequest(id: "id", from: "pg-1", to: nil, deadlineMilliseconds: 60_000))
        let at = PlanFixture.wallClock + 60_000
        #expect(
            try view.write(.switchover(SwitchoverCommand(from: "pg-1", to: "pg-3", at: at))).intent.switchover
                == SwitchoverRequest(
                    id: "id", from: "pg-1", to: "pg-3", deadlineMilliseconds: 60_000, notBefore: at))
    }

    @Test("what cannot be meant is refused")
    func mistaken() {
        let view = PlanFixture()
        #expect(view.refusal(.switchover(SwitchoverCommand(from: "pg-2"))) == "pg-2 is not the primary")
        #expect(view.refusal(to("pg-9")) == "pg-9 is not a member of the cluster")
        #expect(view.refusal(to("pg-1")) == "pg-1 is the primary already")
        #expect(view.refusal(to(nil, force: true)) == "by force only a named member takes over")
    }

    @Test("without a leader nothing is decided")
    func noLeader() {
        var view = PlanFixture()
        view.record.holder = nil
        #expect(view.plan(to("pg-2")) == .answer(.unavailable(reason: "nobody leads the cluster now")))
    }

    @Test("there is one switchover at a time, and none during a restart")
    func oneAtATime() throws {
        var view = PlanFixture()
        #expect(view.plan(.cancelSwitchover) == ControlPlan.notFound("no switchover is under way or scheduled"))
        view.record.intent.restart = RestartRequest(id: "r", remaining: ["pg-2"])
        #expect(view.refusal(to("pg-2"))?.contains("restart r") == true)
        view.record.intent.restart?.notBefore = 1
        #expect(view.refusal(to("pg-2")) == nil)
        view.record.intent.switchover = SwitchoverRequest(id: "s", from: "pg-1", to: nil, deadlineMilliseconds: 1)
        #expect(view.refusal(to("pg-2")) == "the switchover s is under way")
        view.record.intent.switchover?.notBefore = 1
        #expect(view.refusal(to("pg-2")) == "the switchover s is scheduled")
        #expect(try view.write(.cancelSwitchover, answer: .done("s is cancelled")).intent.switchover == nil)
    }

    @Test("a member that lags, or does not stream, is refused with what would be lost, and taken by force")
    func lag() throws {
        var view = PlanFixture()
        view.statuses["pg-2"]?.lagBytes = 17 << 20
        #expect(view.refusal(to("pg-2")) == "pg-2 is 17825792 bytes behind, more than maximumLag")
        #expect(view.wouldLose(to("pg-2")) == 17 << 20)
        #expect(view.hint(to("pg-2"))?.contains("or name pg-3") == true)
        #expect(try view.write(to("pg-2", force: true)).intent.switchover?.force == true)
        view.statuses["pg-2"]?.lagBytes = 16 << 20
        #expect(view.refusal(to("pg-2")) == nil)
        view.statuses["pg-2"]?.streaming = false
        view.statuses["pg-2"]?.flushed = LSN(rawValue: 0x300_0800)
        #expect(view.refusal(to("pg-2")) == "pg-2 does not stream from the primary")
        #expect(view.wouldLose(to("pg-2")) == 0x800)
    }

    @Test("reports that are older than each other do not make a member that streams lag")
    func reportsUnderLoad() {
        var view = PlanFixture()
        view.statuses["pg-1"]?.flushed = LSN(rawValue: 0x4000_0000)
        #expect(view.refusal(to("pg-2")) == nil)
    }

    @Test("who does not answer, has no room, no position or is fenced does not take over, not even by force")
    func unfit() {
        for force in [false, true] {
            var view = PlanFixture()
            view.statuses["pg-2"]?.flushed = nil
            #expect(view.refusal(to("pg-2", force: force)) == "pg-2 has no known position")
            #expect(view.wouldLose(to("pg-2", force: force)) == nil)
            view.statuses["pg-2"]?.diskFull = true
            #expect(view.refusal(to("pg-2", force: force)) == "pg-2 has no room on its disk")
            view.statuses["pg-2"] = nil
            #expect(view.refusal(to("pg-2", force: force)) == "pg-2 does not answer")
            view.record.intent.fenced = ["pg-2"]
            #expect(view.refusal(to("pg-2", force: force)) == "pg-2 is fenced")
        }
    }

    @Test("unless it is named, nobody who should not takes over, and the answer says why not")
    func candidates() throws {
        var view = PlanFixture()
        view.record.members["pg-2"]?.traits.noFailover = true
        view.record.members["pg-3"]?.traits.applyDelayMilliseconds = 1000
        #expect(view.refusal(to(nil)) == "no member can take over")
        #expect(view.hint(to(nil)) == "pg-2 is marked noFailover; pg-3 replays with a delay")
        #expect(try view.write(to("pg-2")).intent.switchover?.to == "pg-2")
        view.record.members = view.record.members.filter { $0.key == "pg-1" }
        #expect(view.hint(to(nil)) == "there is no other member")
    }

    @Test("of a later time nobody knows yet who will lag")
    func later() throws {
        var view = PlanFixture()
        view.statuses["pg-2"] = nil
        view.statuses["pg-3"]?.streaming = false
        let at = PlanFixture.wallClock + 1
        #expect(try view.write(to("pg-2", at: at)).intent.switchover?.to == "pg-2")
        #expect(try view.write(to(nil, at: at)).intent.switchover?.notBefore == at)
        view.record.intent.fenced = ["pg-2"]
        #expect(view.refusal(to("pg-2", at: at)) == "pg-2 is fenced")
    }
}
