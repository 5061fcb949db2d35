import ClusterModel
import Testing

@testable import HTTPTransport

struct IdleBoundTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    @Test("what comes in extends the bound from that moment on")
    func incoming() {
        var bound = IdleBound(.seconds(2), now: start)
        #expect(isExceeded(&bound, start + .milliseconds(1999), sent: 0) == false)
        bound.noteBytes(now: start + .milliseconds(1500))
        #expect(bound.deadline == start + .milliseconds(3500))
        #expect(isExceeded(&bound, start + .milliseconds(3499), sent: 0) == false)
        #expect(isExceeded(&bound, start + .milliseconds(3500), sent: 0))
    }

    @Test("what goes out extends it as well, once for every look that finds more than the last one")
    func outgoing() {
        var bound = IdleBound(.seconds(2), now: start)
        #expect(isExceeded(&bound, start + .seconds(2), sent: 10) == false)
        #expect(bound.deadline == start + .seconds(4))
        #expect(isExceeded(&bound, start + .seconds(4), sent: 11) == false)
        #expect(isExceeded(&bound, start + .seconds(6), sent: 11))
    }

    /// The macros cannot call what changes a value.
    private func isExceeded(_ bound: inout IdleBound, _ now: Instant, sent: Int) -> Bool {
        bound.isExceeded(now: now, sent: sent)
    }
}
