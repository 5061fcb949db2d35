import ClusterModel
import Testing

@testable import Supervision

@Suite("The wall clock")
struct ClockWatchTests {
    private func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    @Test("that is set forward or back is noticed once; one that runs, drifts or was slept through is not")
    func jumps() {
        var watch = ClockWatch()
        #expect(watch.look(boot: at(1000), wall: 500_000) == nil)
        #expect(watch.look(boot: at(2000), wall: 501_000) == nil)
        #expect(watch.look(boot: at(3000), wall: 502_050) == nil)
        #expect(watch.look(boot: at(4000), wall: 3_602_050) == 3_099_000)
        #expect(watch.look(boot: at(5000), wall: 3_603_050) == nil)
        #expect(watch.look(boot: at(6000), wall: 500_000) == -3_104_050)
        // A suspended machine: both clocks went on.
        #expect(watch.look(boot: at(3_606_000), wall: 4_100_000) == nil)
    }
}
