import Platform
import Synchronization

/// What all threads of one check have read of a backup's files, by path below the data directory.
final class CheckedFiles: Sendable {
    private struct State {
        var sums: [String: UnpackedLedger.Sum] = [:]
        var contents: [String: [UInt8]] = [:]
        var unread: Set<String> = []
    }

    private let state = Mutex(State())

    static let labelName = "backup_label"
    /// Files whose content is looked at as well, and how large they may be.
    private static let kept = [
        BackupManifest.fileName: UInt64(1 << 30), labelName: 1 << 20, "PG_VERSION": 1 << 10,
        UnpackedFiles.controlName: UnpackedFiles.largestControlFile,
    ]

    static func isKept(_ path: String, size: UInt64) -> Bool { kept[path].map { size <= $0 } ?? false }

    var sums: [String: UnpackedLedger.Sum] { state.withLock { $0.sums } }
    /// Files that are in what is damaged or missing.
    var unread: Set<String> { state.withLock { $0.unread } }
    func content(_ path: String) -> [UInt8]? { state.withLock { $0.contents[path] } }

    /// - Returns: false when there is such a file already: a restore would refuse the second.
    func note(_ path: String, _ sum: UnpackedLedger.Sum) -> Bool {
        state.withLock { $0.sums.updateValue(sum, forKey: path) == nil }
    }

    func keep(_ path: String, _ content: [UInt8]) { state.withLock { $0.contents[path] = content } }
    func miss(_ paths: some Sequence<String>) { state.withLock { $0.unread.formUnion(paths) } }
}

/// Reads the entries of a part as they stream by.
final class CheckedStream: TarConsumer {
    private let prefix: String
    private let files: CheckedFiles
    /// The file that is being read; nil: none, or no file.
    private(set) var path: String?
    private var sum = RunningCRC32C()
    private var size: UInt64 = 0
    private var content: [UInt8]?

    init(prefix: String, files: CheckedFiles) {
        self.prefix = prefix
        self.files = files
    }

    func begin(_ header: TarHeader) throws {
        path = nil
        guard let name = try header.relativePath() else { return }
        switch header.kind {
        case .directory: return
        case .file:
            path = prefix + name
            sum = RunningCRC32C()
            size = 0
            content = CheckedFiles.isKept(prefix + name, size: header.size) ? [] : nil
        case .other:
            throw TarError("'\(name)' is neither a file nor a directory")
        }
    }

    func content(_ bytes: RawSpan) throws {
        guard path != nil else { return }
        sum.add(bytes)
        size += UInt64(bytes.byteCount)
        if content != nil { bytes.withUnsafeBytes { content? += $0 } }
    }

    func end() throws {
        guard let path else { return }
        guard files.note(path, UnpackedLedger.Sum(size: size, crc32c: sum.value)) else {
            throw TarError("'\(path)' is in the backup twice")
        }
        if let content = content.take() { files.keep(path, content) }
        self.path = nil
    }
}
