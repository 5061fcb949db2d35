import ClusterModel
import Testing

@testable import Leadership

@Suite("The steps from one synchronous setting to another")
struct SynchronousPlanTests {
    func plan(
        _ record: ([MemberName], Int), _ setting: ([MemberName], Int), covered: Set<MemberName> = [],
        without removed: Guard? = nil
    ) -> SynchronousPlan {
        SynchronousPlan(
            mode: .quorum, record: SynchronousState(mode: .quorum, members: record.0, votes: record.1),
            setting: SynchronousSetting(members: setting.0, required: setting.1), covered: covered,
            removed: removed.list)
    }

    func state(_ members: [MemberName], _ votes: Int) -> SynchronousPlan.Step {
        .record(SynchronousState(mode: .quorum, members: members, votes: votes))
    }

    func setting(_ members: [MemberName], _ required: Int) -> SynchronousPlan.Step {
        .setting(SynchronousSetting(members: members, required: required))
    }

    @Test("the first standby enters the setting first, and the record once it has all that was committed without it")
    func first() {
        let target = SynchronousSetting(members: ["a"], required: 1)
        #expect(plan(([], 1), ([], 0)).next(towards: target) == setting(["a"], 1))
        #expect(plan(([], 1), (["a"], 1)).next(towards: target) == .wait)
        #expect(plan(([], 1), (["a"], 1), covered: ["a"]).next(towards: target) == state(["a"], 1))
        #expect(plan((["a"], 1), (["a"], 1)).next(towards: target) == .done)
    }

    @Test("before the last standby leaves the setting the record says that only the last primary may lead")
    func last() {
        let target = SynchronousSetting.none
        #expect(plan((["a"], 1), (["a"], 1)).next(towards: target) == state([], 1))
        #expect(plan(([], 1), (["a"], 1)).next(towards: target) == .setting(.none))
        #expect(plan(([], 1), ([], 0)).next(towards: target) == .done)
        // From two of which any may have the last commit: nobody, before the setting is empty.
        #expect(plan((["a", "b"], 2), (["a", "b"], 1)).next(towards: target) == state(["a", "b"], 3))
        #expect(plan((["a", "b"], 3), (["a", "b"], 1)).next(towards: target) == .setting(.none))
        #expect(plan((["a", "b"], 3), ([], 0)).next(towards: target) == state([], 1))
    }

    @Test("another standby enters: the record demands more votes before the setting takes any one of more")
    func wider() {
        let target = SynchronousSetting(members: ["a", "b"], required: 1)
        #expect(plan((["a"], 1), (["a"], 1)).next(towards: target) == state(["a", "b"], 2))
        #expect(plan((["a", "b"], 2), (["a"], 1)).next(towards: target) == setting(["a", "b"], 1))
        #expect(plan((["a", "b"], 2), (["a", "b"], 1)).next(towards: target) == .done)
    }

    @Test("a standby leaves: the setting first, and the record once the one that stays has everything")
    func narrower() {
        let target = SynchronousSetting(members: ["a"], required: 1)
        #expect(plan((["a", "b"], 2), (["a", "b"], 1)).next(towards: target) == setting(["a"], 1))
        #expect(plan((["a", "b"], 2), (["a"], 1)).next(towards: target) == .wait)
        #expect(plan((["a", "b"], 2), (["a"], 1), covered: ["b"]).next(towards: target) == .wait)
        #expect(plan((["a", "b"], 2), (["a"], 1), covered: ["a"]).next(towards: target) == state(["a"], 1))
    }

    @Test("one standby takes the place of another through a record that holds for both settings")
    func exchange() {
        let target = SynchronousSetting(members: ["b"], required: 1)
        #expect(plan((["a"], 1), (["a"], 1)).next(towards: target) == state(["a", "b"], 2))
        #expect(plan((["a", "b"], 2), (["a"], 1)).next(towards: target) == setting(["b"], 1))
        #expect(plan((["a", "b"], 2), (["b"], 1), covered: ["b"]).next(towards: target) == state(["b"], 1))
    }

    // MARK: Every state and every step

    @Test(
        "by every way every target is reached, and no set of voters ever lacks a commit"
    )
    func exhaustive() throws {
        var walk = SynchronousWalk(removed: nil)
        let found = try walk.explore()
        #expect(found.unsafe == nil)
        #expect(found.states > 20_000)
    }

    @Test("without the overlap, or without the wait for what was acknowledged before, commits are lost")
    func guards() throws {
        for removed in [Guard.overlap, .narrowAfterFlush] {
            var walk = SynchronousWalk(removed: removed)
            #expect(try walk.explore().unsafe != nil)
        }
    }
}
