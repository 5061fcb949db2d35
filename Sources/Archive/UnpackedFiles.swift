import Glibc
import Platform

/// Writes the entries of a base backup below a directory. Nothing is synced: that comes at the end, for all at once.
final class UnpackedFiles: TarConsumer {
    private let directory: String
    private var file: FileDescriptor?
    private var path = ""

    /// Of the run, the member or the recovery that the backup was taken from.
    private static let dropped: Set<String> = [
        "pgmahout.json", "standby.signal", "recovery.signal", "recovery.conf", "postmaster.pid", "postmaster.opts",
        "promote", "postgresql.auto.conf.tmp",
    ]

    init(directory: String) { self.directory = directory }

    func begin(_ header: TarHeader) throws {
        // The directory itself exists, and its mode is ours.
        guard let relative = try header.relativePath() else { return }
        path = directory + "/" + relative
        switch header.kind {
        case .directory: try Files.makeDirectory(path, mode: (header.mode & 0o750) | 0o700)
        case .file:
            guard !Self.dropped.contains(relative) else { return }
            file = try open(mode: (header.mode & 0o750) | 0o600)
        case .other:
            throw TarError("'\(relative)' is neither a file nor a directory")
        }
    }

    func content(_ bytes: RawSpan) throws {
        do { try bytes.withUnsafeBytes { try file?.write($0) } } catch let error as SystemError {
            throw SystemError(error.operation, path: path, code: error.code)
        }
    }

    func end() throws {
        if let finished = file.take() { try finished.close() }
    }

    private func open(mode: UInt32) throws(SystemError) -> FileDescriptor {
        do throws(SystemError) {
            return try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
        } catch {
            // Parts are unpacked at the same time, and only the first one has the directories.
            guard error.isNotFound else { throw error }
            try Files.makeDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)))
            return try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: mode)
        }
    }
}
