import Platform
import Synchronization

/// The bearer token of the control interface, as its file last had it: reading it again is the disk thread's work.
final class TokenFile: Sendable {
    private let path: String
    private let token = Mutex<String?>(nil)

    init(path: String) { self.path = path }

    /// nil: there is none, and nothing may be changed.
    var current: String? { token.withLock { $0 } }

    /// Secrets are rotated by replacing the file. One that is gone for a moment does not lock operators out.
    func refresh() {
        guard let text = try? Files.readText(path, limit: 4096),
            let line = text.split(whereSeparator: \.isNewline).first, !line.isEmpty
        else { return }
        token.withLock { $0 = String(line) }
    }
}
