import Glibc
import Platform
import Synchronization

/// What all threads of one restore have unpacked.
final class UnpackedLedger: Sendable {
    struct Sum: Hashable, Sendable {
        var size: UInt64
        var crc32c: UInt32
    }

    private let files = Mutex<[String: Sum]>([:])
    private let control = Mutex<[UInt8]?>(nil)

    /// By path below the data directory, as a backup manifest names them.
    var sums: [String: Sum] { files.withLock { $0 } }

    /// `global/pg_control`, which is written when everything else is durable: a directory without it cannot be started.
    var controlFile: [UInt8]? { control.withLock { $0 } }

    func note(_ path: String, _ sum: Sum) { files.withLock { $0[path] = sum } }
    func hold(_ content: [UInt8]) { control.withLock { $0 = content } }
}

/// Writes the entries of a base backup below a directory. Nothing is synced: that comes at the end, for all at once.
final class UnpackedFiles: TarConsumer {
    private let directory: String
    /// Of names in the manifest: empty, or `pg_tblspc/<oid>/`.
    private let prefix: String
    private let ledger: UnpackedLedger
    private var file: FileDescriptor?
    private var path = ""
    private var relative = ""
    private var sum = RunningCRC32C()
    private var size: UInt64 = 0
    private var held: [UInt8]?

    /// Of the run, the member or the recovery that the backup was taken from.
    static let dropped: Set<String> = [
        "pgmahout.json", "standby.signal", "recovery.signal", "recovery.conf", "postmaster.pid", "postmaster.opts",
        "promote", "postgresql.auto.conf.tmp",
    ]
    static let controlName = "global/pg_control"
    /// Larger than any version's.
    static let largestControlFile: UInt64 = 64 << 10
    /// What the disk may begin with before the whole is written.
    private static let writebackSize: UInt64 = 1 << 20

    init(directory: String, prefix: String = "", ledger: UnpackedLedger) {
        self.directory = directory
        self.prefix = prefix
        self.ledger = ledger
    }

    func begin(_ header: TarHeader) throws {
        relative = ""
        // The directory itself exists, and its mode is ours.
        guard let name = try header.relativePath() else { return }
        path = directory + "/" + name
        switch header.kind {
        case .directory: try Files.makeDirectory(path, mode: (header.mode & 0o750) | 0o700)
        case .file:
            let full = prefix + name
            guard !Self.dropped.contains(full) else { return }
            relative = full
            sum = RunningCRC32C()
            size = 0
            if full == Self.controlName {
                guard header.size <= Self.largestControlFile else { throw TarError("pg_control is too large") }
                guard ledger.controlFile == nil else { throw TarError("'\(name)' is in it twice") }
                held = []
            } else {
                file = try Self.create(path, mode: (header.mode & 0o750) | 0o600, name: relative)
            }
        case .other:
            throw TarError("'\(name)' is neither a file nor a directory")
        }
    }

    func content(_ bytes: RawSpan) throws {
        guard !relative.isEmpty else { return }
        sum.add(bytes)
        size += UInt64(bytes.byteCount)
        if held != nil { return bytes.withUnsafeBytes { held? += $0 } }
        do { try bytes.withUnsafeBytes { try file?.write($0) } } catch let error as SystemError {
            throw SystemError(error.operation, path: path, code: error.code)
        }
    }

    func end() throws {
        if let control = held.take() { ledger.hold(control) }
        if let finished = file.take() {
            if size >= Self.writebackSize { finished.startWriteback() }
            try finished.close()
        }
        if !relative.isEmpty { ledger.note(relative, UnpackedLedger.Sum(size: size, crc32c: sum.value)) }
    }

    /// Makes the file, and only makes it: a name that comes twice, in whichever part, is no honest archive.
    /// - Parameter name: in the archive.
    static func create(_ path: String, mode: UInt32, name: String) throws -> FileDescriptor {
        do throws(SystemError) {
            return try FileDescriptor(opening: path, creation, mode: mode)
        } catch {
            guard !error.isExists else { throw TarError("'\(name)' is in it twice") }
            // Parts are unpacked at the same time, and only the first one has the directories.
            guard error.isNotFound else { throw error }
            try Files.makeDirectory(String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.endIndex)))
            return try FileDescriptor(opening: path, creation, mode: mode)
        }
    }

    private static let creation = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
}
