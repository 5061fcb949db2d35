import ClusterModel
import Testing

@testable import Management

struct ClusterSwitchPlanTests {
    private let token = DemotionToken(
        systemIdentifier: SystemIdentifier(rawValue: 77), timeline: TimelineID(1), end: LSN(rawValue: 0x5000100))

    private func follower() -> PlanFixture {
        var view = PlanFixture()
        view.record.remote = RemoteCluster()
        view.record.systemIdentifier = SystemIdentifier(rawValue: 77)
        return view
    }

    @Test("a demotion is recorded when it is known whom to follow, and once")
    func demotion() throws {
        var view = PlanFixture()
        guard case .answer(.refused(let reason, _, _)) = view.plan(.demote(RemoteCluster())) else {
            Issue.record("nobody to follow is named")
            return
        }
        #expect(reason.contains("whom this cluster shall follow"))
        let remote = RemoteCluster(host: "a:5433,b")
        view.record.intent.demotion = try view.write(.demote(remote)).intent.demotion
        #expect(view.record.intent.demotion?.remote == remote)
        for request in [.demote(remote), .switchover(SwitchoverCommand())] as [ControlRequest] {
            guard case .answer(.refused(let reason, _, _)) = view.plan(request) else {
                Issue.record("\(request) during a demotion")
                continue
            }
            #expect(reason.contains("the demotion id is under way"))
        }
        let cancelled = try view.write(.cancelDemotion, answer: .done("id is cancelled"))
        #expect(cancelled.intent.demotion == nil)
    }

    @Test("a promotion takes a token of this system, or force, which is told what it costs")
    func promotion() throws {
        let view = follower()
        #expect(try view.write(.promote(token, force: false)).intent.promotion?.token == token)
        #expect(try view.write(.promote(nil, force: true)).intent.promotion?.token == nil)
        guard case .answer(.refused(let reason, _, _)) = view.plan(.promote(nil, force: false)) else {
            Issue.record("promoted without a token")
            return
        }
        #expect(reason.contains("without a token"))
        var other = token
        other.systemIdentifier = SystemIdentifier(rawValue: 78)
        guard case .answer(.refused(let why, _, _)) = view.plan(.promote(other, force: true)) else {
            Issue.record("promoted with a foreign token")
            return
        }
        #expect(why.contains("the system 78"))
        guard case .answer(.refused(_, let hint, _)) = PlanFixture().plan(.promote(token, force: false)) else {
            Issue.record("promoted what leads")
            return
        }
        #expect(hint?.contains("follows") == true)
    }

    @Test("a follower only turns to another one")
    func turns() throws {
        let view = follower()
        let next = try view.write(
            .demote(RemoteCluster(host: "c")), answer: .done("the cluster follows another one from now on"))
        #expect(next.remote?.host == "c" && next.intent.demotion == nil)
    }
}
