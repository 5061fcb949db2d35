import Platform
import Synchronization

/// The secrets in a file, one a line, as it last had them: reading it again is the disk thread's work.
final class SecretFile: Sendable {
    private let path: String
    private let limit: Int
    private let lines = Mutex<[String]>([])

    /// - Parameter limit: lines that count; a rotation needs a new one beside the old one.
    init(path: String, limit: Int = 1) {
        self.path = path
        self.limit = limit
    }

    /// The first is the one to send; empty: there is none, and nobody may be let in.
    var all: [String] { lines.withLock { $0 } }

    var current: String? { all.first }

    /// Secrets are rotated by replacing the file. One that is gone or empty for a moment locks nobody out.
    func refresh() {
        guard let text = try? Files.readText(path, limit: 4096) else { return }
        let found = text.split(whereSeparator: \.isNewline).map { String($0.filter { $0 != " " && $0 != "\t" }) }
            .filter { !$0.isEmpty }.prefix(limit)
        if !found.isEmpty { lines.withLock { $0 = Array(found) } }
    }
}
