import ClusterModel
import Glibc

/// This machine's clock that goes on while it is suspended and that nobody can set: the only one for leases.
package enum BootClock {
    package static func now() -> Instant {
        var moment = timespec()
        // Cannot fail: the clock exists on every kernel that runs postgres, and the address is good.
        clock_gettime(CLOCK_BOOTTIME, &moment)
        return Instant(nanoseconds: UInt64(moment.tv_sec) * 1_000_000_000 + UInt64(moment.tv_nsec))
    }

    /// Milliseconds since 1970, for times of day that a person named: it may jump, and decides about no lease.
    package static func wallClockMilliseconds() -> Int64 {
        var moment = timespec()
        clock_gettime(CLOCK_REALTIME, &moment)
        return Int64(moment.tv_sec) * 1000 + Int64(moment.tv_nsec) / 1_000_000
    }
}
