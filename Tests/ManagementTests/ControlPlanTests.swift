import ClusterModel
import Testing

@testable import Management

struct ControlPlanTests {
    @Test("a pause is recorded once, and ended once")
    func pause() throws {
        var view = PlanFixture()
        #expect(try view.write(.pause).intent.paused)
        #expect(view.plan(.resume) == .answer(.done("the cluster is not paused")))
        view.record.intent.paused = true
        #expect(view.plan(.pause) == .answer(.done("the cluster is paused already")))
        #expect(try view.write(.resume).intent.paused == false)
    }

    @Test("a request changes its part of the intent and nothing else, and is answered with its id")
    func onlyItsPart() throws {
        let view = PlanFixture()
        var expected = view.record
        expected.intent.fenced = ["pg-3"]
        #expect(view.plan(.fence("pg-3")) == .write(expected, then: .accepted(id: "id")))
    }

    @Test("members are fenced in order, the primary too, and each once")
    func fence() throws {
        var view = PlanFixture()
        view.record.intent.fenced = ["pg-2"]
        #expect(try view.write(.fence("pg-1")).intent.fenced == ["pg-1", "pg-2"])
        #expect(view.plan(.fence("pg-2")) == .answer(.done("pg-2 is fenced already")))
        #expect(try view.write(.unfence("pg-2")).intent.fenced.isEmpty)
        #expect(view.plan(.unfence("pg-3")) == .answer(.done("pg-3 is not fenced")))
        view.record.members["pg-2"] = nil
        #expect(try view.write(.unfence("pg-2")).intent.fenced.isEmpty)
    }

    @Test(
        "who is no member is not there, and the answer says who is",
        arguments: [
            .fence("pg-9"), .unfence("pg-9"), .reclone("pg-9", from: nil), .restartMember("pg-9"),
            .remove("pg-9", force: true),
        ] as [ControlRequest])
    func unknown(request: ControlRequest) {
        #expect(
            PlanFixture().plan(request)
                == .answer(
                    .notFound(reason: "pg-9 is not a member of the cluster", hint: "members: pg-1, pg-2, pg-3")))
    }

    @Test("a replica is made anew from the best or from a named member")
    func reclone() throws {
        let view = PlanFixture()
        #expect(try view.write(.reclone("pg-2", from: nil)).intent.reclone == ["pg-2": RecloneRequest(id: "id")])
        #expect(
            try view.write(.reclone("pg-2", from: "pg-3")).intent.reclone
                == ["pg-2": RecloneRequest(id: "id", from: "pg-3")])
    }

    @Test("data is not replaced where it is the primary's, from nothing, or twice")
    func recloneRefused() {
        var view = PlanFixture()
        #expect(view.refusal(.reclone("pg-1", from: nil))?.contains("primary") == true)
        #expect(view.refusal(.reclone("pg-2", from: "pg-2"))?.contains("itself") == true)
        #expect(view.refusal(.reclone("pg-2", from: "pg-9"))?.contains("not a member") == true)
        view.statuses["pg-3"] = nil
        #expect(view.refusal(.reclone("pg-2", from: "pg-3"))?.contains("does not answer") == true)
        #expect(view.refusal(.reclone("pg-3", from: nil))?.contains("does not answer") == true)
        view.record.intent.reclone["pg-2"] = RecloneRequest(id: "old")
        #expect(view.refusal(.reclone("pg-2", from: nil))?.contains("old") == true)
        view.record.intent = Intent()
        view.record.intent.fenced = ["pg-2"]
        #expect(view.refusal(.reclone("pg-2", from: nil))?.contains("fenced") == true)
        view.record.holder = nil
        #expect(
            view.plan(.reclone("pg-2", from: nil)) == .answer(.unavailable(reason: "nobody leads the cluster now")))
    }

    @Test("a restart of all is of those that run; who is down or fenced starts anew anyway")
    func restart() throws {
        var view = PlanFixture()
        #expect(
            try view.write(.restart(RestartCommand())).intent.restart
                == RestartRequest(id: "id", remaining: ["pg-1", "pg-2", "pg-3"]))
        view.statuses["pg-3"] = nil
        view.record.intent.fenced = ["pg-2"]
        #expect(try view.write(.restart(RestartCommand())).intent.restart?.remaining == ["pg-1"])
        view.statuses = [:]
        #expect(view.plan(.restart(RestartCommand())) == .answer(.unavailable(reason: "no member answers")))
    }

    @Test("only members that wait for one are restarted when that is asked; of a later time nothing is known yet")
    func pendingRestart() throws {
        var view = PlanFixture()
        let now = RestartCommand(onlyIfPending: true)
        #expect(view.plan(.restart(now)) == .answer(.done("no member waits for a restart")))
        view.statuses["pg-2"]?.pendingRestart = true
        #expect(try view.write(.restart(now)).intent.restart?.remaining == ["pg-2"])
        let later = RestartCommand(onlyIfPending: true, at: PlanFixture.wallClock + 1000)
        #expect(
            try view.write(.restart(later)).intent.restart
                == RestartRequest(
                    id: "id", remaining: ["pg-1", "pg-2", "pg-3"], onlyIfPending: true,
                    notBefore: PlanFixture.wallClock + 1000))
    }

    @Test("there is one restart at a time, and it can be called off")
    func oneRestart() throws {
        var view = PlanFixture()
        #expect(view.plan(.cancelRestart) == ControlPlan.notFound("no restart is under way or scheduled"))
        view.record.intent.restart = RestartRequest(id: "old", remaining: ["pg-2"])
        for request in [.restart(RestartCommand()), .restartMember("pg-3")] as [ControlRequest] {
            #expect(view.refusal(request) == "the restart old is under way")
        }
        #expect(try view.write(.cancelRestart, answer: .done("old is cancelled")).intent.restart == nil)
    }

    @Test("one member is restarted when its server runs")
    func restartOne() throws {
        var view = PlanFixture()
        #expect(
            try view.write(.restartMember("pg-2")).intent.restart == RestartRequest(id: "id", remaining: ["pg-2"]))
        view.statuses["pg-2"] = nil
        #expect(view.refusal(.restartMember("pg-2")) == "pg-2 does not answer")
        view.record.intent.fenced = ["pg-3"]
        #expect(view.refusal(.restartMember("pg-3"))?.contains("fenced") == true)
    }

    @Test("a time that is over, or that is none, is refused", arguments: [-1, 0, 367 * 86_400_000] as [Int64])
    func moments(offset: Int64) {
        let at = PlanFixture.wallClock + offset
        #expect(PlanFixture().refusal(.restart(RestartCommand(at: at))) != nil)
        #expect(PlanFixture().refusal(.switchover(SwitchoverCommand(at: at))) != nil)
    }

    @Test("a member that is gone is removed with all that was asked of it")
    func remove() throws {
        var view = PlanFixture()
        view.statuses["pg-3"] = nil
        view.record.intent.fenced = ["pg-3"]
        view.record.intent.reclone["pg-3"] = RecloneRequest(id: "r")
        view.record.intent.restart = RestartRequest(id: "s", remaining: ["pg-2", "pg-3"])
        view.record.intent.switchover = SwitchoverRequest(
            id: "t", from: "pg-1", to: "pg-3", deadlineMilliseconds: 1)
        let after = try view.write(.remove("pg-3", force: false))
        #expect(Set(after.members.keys) == ["pg-1", "pg-2"])
        #expect(after.intent.fenced.isEmpty && after.intent.reclone.isEmpty && after.intent.switchover == nil)
        #expect(after.intent.restart?.remaining == ["pg-2"])
        #expect(after.holder == view.record.holder && after.electorate == ["pg-1", "pg-2"])
    }

    @Test("who leads or runs is not removed, not even by force", arguments: [false, true])
    func removeRefused(force: Bool) {
        var view = PlanFixture()
        #expect(view.refusal(.remove("pg-1", force: force))?.contains("primary") == true)
        #expect(view.refusal(.remove("pg-3", force: force))?.contains("still runs") == true)
        view.statuses["pg-1"] = nil
        #expect(view.refusal(.remove("pg-1", force: force))?.contains("primary") == true)
    }

    @Test("what only one member may have is given up by force alone")
    func removeByForce() throws {
        var view = PlanFixture()
        view.record.synchronous = SynchronousState(mode: .quorum, members: ["pg-2", "pg-3"], votes: 2)
        view.statuses["pg-3"] = nil
        // A leader sees to it by itself, in the order that is safe.
        #expect(try view.write(.remove("pg-3", force: false)).synchronous == view.record.synchronous)
        view.statuses["pg-1"] = nil
        #expect(view.refusal(.remove("pg-3", force: false))?.contains("may alone have commits") == true)
        let after = try view.write(.remove("pg-3", force: true))
        #expect(after.synchronous == SynchronousState(mode: .quorum, members: ["pg-2"], votes: 1))
        view.record.holder = nil
        #expect(view.refusal(.remove("pg-1", force: false))?.contains("led last") == true)
        #expect(try view.write(.remove("pg-1", force: true)).primary == nil)
        view.record.synchronous?.mode = .preferred
        #expect(try view.write(.remove("pg-3", force: false)).members["pg-3"] == nil)
    }
}
