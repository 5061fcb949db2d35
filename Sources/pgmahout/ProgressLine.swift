import Archive
import Glibc

/// Progress of long work on standard error: one changing line on a terminal, a line for each phase elsewhere.
struct ProgressLine {
    private let isTerminal: Bool
    private var phase = ""
    private var width = 0

    init(isTerminal: Bool = isatty(STDERR_FILENO) == 1) { self.isTerminal = isTerminal }

    mutating func show(_ progress: ArchiveProgress) {
        guard isTerminal else {
            if progress.phase != phase { Console.error(progress.phase) }
            phase = progress.phase
            return
        }
        let text = Self.text(progress)
        Console.progress("\r" + text + String(repeating: " ", count: max(0, width - text.count)))
        width = text.count
    }

    /// Makes room for what comes after it.
    mutating func end() {
        if width > 0 { Console.progress("\r" + String(repeating: " ", count: width) + "\r") }
        width = 0
    }

    static func text(_ progress: ArchiveProgress) -> String {
        guard progress.bytesDone > 0 || progress.bytesTotal > 0 else { return progress.phase }
        let done = Amounts.bytes(progress.bytesDone)
        guard progress.bytesTotal > 0 else { return "\(progress.phase): \(done)" }
        let percent = Int(min(100, Double(progress.bytesDone) / Double(progress.bytesTotal) * 100))
        return "\(progress.phase): \(done) of \(Amounts.bytes(progress.bytesTotal)), \(percent) %"
    }
}
