import ClusterModel

/// How long long work will still take, from how it went since its phase began.
package struct ProgressEstimate: Sendable {
    private var phase: String?
    private var start = Instant(nanoseconds: 0)
    private var bytesAtStart: UInt64 = 0

    /// Before that, a guess would jump about.
    private static let leastTime = Duration.seconds(1)

    package init() {}

    /// Bytes a second of this phase, and the time that is left of it; nil as long as nobody can know.
    package mutating func note(_ progress: ArchiveProgress, at now: Instant) -> (rate: UInt64, left: Duration)? {
        if progress.phase != phase || progress.bytesDone < bytesAtStart {
            (phase, start, bytesAtStart) = (progress.phase, now, progress.bytesDone)
        }
        let elapsed = now.since(start)
        let done = progress.bytesDone - bytesAtStart
        guard progress.bytesTotal > 0, done > 0, elapsed >= Self.leastTime else { return nil }
        let rate = Double(done) / (Double(elapsed.milliseconds) / 1000)
        let left = progress.bytesTotal > progress.bytesDone ? Double(progress.bytesTotal - progress.bytesDone) : 0
        // Longer than a year is as good as for ever.
        let seconds = min(left / rate, 31_536_000)
        return (UInt64(rate), .seconds(Int64(seconds.rounded(.up))))
    }
}
