import Glibc
import Platform

/// What a recovering server says, kept for the case that it fails.
final class RecoveryLog {
    private let path: String
    private let file: FileDescriptor

    private static let tailSize: off_t = 64 << 10

    init(path: String) throws(SystemError) {
        self.path = path
        file = try FileDescriptor(opening: path, O_RDWR | O_CREAT | O_APPEND)
    }

    /// For the server's standard output and error.
    var descriptor: Int32 { file.rawValue }

    /// As in `2026-01-02 03:04:05.678+00`; nil when nothing was replayed.
    var lastTransaction: String? {
        let mark = "last completed transaction was at log time "
        return tail().last { $0.contains(mark) }.map { line in
            line.split(separator: " ").suffix(2).joined(separator: " ")
        }
    }

    /// Why the server ended before it had recovered.
    func failure(_ status: ExitStatus, target: RecoveryTarget) -> RestoreError {
        let lines = tail()
        if lines.contains(where: { $0.contains("recovery ended before configured recovery target was reached") }) {
            let last =
                lastTransaction.map { "its last transaction is of \($0)" } ?? "it has no transaction after the backup"
            return RestoreError(
                "the archive does not reach \(target): \(last); restore to an earlier time or to latest")
        }
        let reasons = lines.filter { $0.contains("FATAL: ") || $0.contains("PANIC: ") }
        let reason = (reasons.isEmpty ? lines.suffix(3) : reasons.suffix(3)).joined(separator: "; ")
        return RestoreError("recovery failed, postgres \(status): \(reason)")
    }

    private func tail() -> [String] {
        let size = lseek(file.rawValue, 0, SEEK_END)
        guard size > 0, lseek(file.rawValue, max(0, size - Self.tailSize), SEEK_SET) >= 0 else { return [] }
        var bytes: [UInt8] = []
        while let piece = try? file.read(upTo: Int(Self.tailSize)), !piece.isEmpty { bytes += piece }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}
