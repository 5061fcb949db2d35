import Glibc
import Testing

@testable import Supervision

@Suite("How postgres is ended")
struct EscalationTests {
    @Test("smart, fast, immediate, then SIGKILL, each with its own bound; one without a bound is left out")
    func orderly() {
        let all = Escalation.orderly(smart: .seconds(1), fast: .seconds(2), immediate: .seconds(3))
        #expect(
            all.steps == [
                .signal(SIGTERM, patience: .seconds(1)), .signal(SIGINT, patience: .seconds(2)),
                .signal(SIGQUIT, patience: .seconds(3)), .kill,
            ])
        let fast = Escalation.orderly(smart: .zero, fast: .seconds(2), immediate: .zero)
        #expect(fast.steps == [.signal(SIGINT, patience: .seconds(2)), .kill])
    }

    @Test("a fence is through within killWithin")
    func fence() {
        let fence = Escalation.fence(killWithin: .milliseconds(500))
        #expect(fence.steps == [.signal(SIGQUIT, patience: .milliseconds(250)), .kill])
    }

    @Test("a second request skips what is under way, and never the last step")
    func hurried() {
        let all = Escalation.orderly(smart: .seconds(1), fast: .seconds(2), immediate: .seconds(3))
        #expect(all.hurried(after: 0).steps.first == .signal(SIGINT, patience: .seconds(2)))
        #expect(all.hurried(after: 9).steps == [.kill])
    }
}
