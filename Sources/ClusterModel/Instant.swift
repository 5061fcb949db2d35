/// A moment on this machine's `CLOCK_BOOTTIME`, in nanoseconds. Never comparable between machines.
package struct Instant: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates at zero and at the largest moment instead of trapping.
    package static func + (moment: Instant, span: Duration) -> Instant {
        let delta = span.nanoseconds
        if delta >= 0 {
            let (sum, overflow) = moment.nanoseconds.addingReportingOverflow(UInt64(delta))
            return Instant(nanoseconds: overflow ? .max : sum)
        }
        let (difference, overflow) = moment.nanoseconds.subtractingReportingOverflow(delta.magnitude)
        return Instant(nanoseconds: overflow ? 0 : difference)
    }

    package static func - (moment: Instant, span: Duration) -> Instant { moment + (.zero - span) }

    /// The span from `earlier` to this moment; negative when `earlier` is later.
    package func since(_ earlier: Instant) -> Duration {
        nanoseconds >= earlier.nanoseconds
            ? .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
            : .zero - .nanoseconds(Int64(clamping: earlier.nanoseconds - nanoseconds))
    }

    package var description: String { "\(nanoseconds / 1_000_000) ms" }
}

extension Duration {
    /// Whole nanoseconds, clamped to what fits (292 years).
    package var nanoseconds: Int64 {
        Int64(clamping: attoseconds / 1_000_000_000)
    }

    /// Whole milliseconds, rounded towards zero.
    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    /// Seconds as a fraction, for metrics and messages.
    package var inSeconds: Double { Double(nanoseconds) / 1e9 }
}
