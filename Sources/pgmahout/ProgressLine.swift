import Archive
import ClusterModel
import Glibc
import Platform

/// Progress of long work on standard error: one changing line on a terminal; elsewhere a line for each phase, and one
/// every half minute.
struct ProgressLine {
    private let isTerminal: Bool
    private var phase = ""
    private var width = 0
    private var estimate = ProgressEstimate()
    private var lastLine: Instant?

    private static let interval = Duration.seconds(30)

    init(isTerminal: Bool = isatty(STDERR_FILENO) == 1) { self.isTerminal = isTerminal }

    mutating func show(_ progress: ArchiveProgress) {
        let now = BootClock.now()
        let estimated = estimate.note(progress, at: now)
        guard isTerminal else {
            if progress.phase != phase {
                Console.error(progress.phase)
                lastLine = now
            } else if let last = lastLine, now.since(last) >= Self.interval {
                Console.error(Self.text(progress, estimated))
                lastLine = now
            }
            phase = progress.phase
            return
        }
        let text = Self.text(progress, estimated)
        Console.progress("\r" + text + String(repeating: " ", count: max(0, width - text.count)))
        width = text.count
    }

    /// Makes room for what comes after it.
    mutating func end() {
        if width > 0 { Console.progress("\r" + String(repeating: " ", count: width) + "\r") }
        width = 0
    }

    /// `copying: 1.2 GiB of 4.0 GiB, 30 %, 310.4 MiB/s, 10 s left`
    static func text(_ progress: ArchiveProgress, _ estimate: (rate: UInt64, left: Duration)? = nil) -> String {
        guard progress.bytesDone > 0 || progress.bytesTotal > 0 else { return progress.phase }
        let done = Amounts.bytes(progress.bytesDone)
        guard progress.bytesTotal > 0 else { return "\(progress.phase): \(done)" }
        let percent = Int(min(100, Double(progress.bytesDone) / Double(progress.bytesTotal) * 100))
        let text = "\(progress.phase): \(done) of \(Amounts.bytes(progress.bytesTotal)), \(percent) %"
        guard let estimate else { return text }
        return text + ", \(Amounts.bytes(estimate.rate))/s, \(Amounts.left(estimate.left)) left"
    }
}
