import Glibc
import Platform

/// What a base backup copies of a data directory, found in one walk after the backup has begun.
struct BackupFileList: Sendable {
    struct Item: Hashable, Sendable {
        /// Relative to the data directory.
        let path: String
        let mode: UInt32
        let owner: UInt32
        let group: UInt32
        /// Bytes.
        let size: UInt64
        let modified: Int64

        func header(kind: TarHeader.Kind) -> TarHeader {
            TarHeader(
                name: path, kind: kind, mode: mode, owner: owner, group: group, size: kind == .file ? size : 0,
                modified: modified)
        }
    }

    /// The directory itself first (as `.`), parents before children.
    private(set) var directories: [Item] = []
    /// Largest first, so that parallel copies end at about the same time.
    private(set) var files: [Item] = []

    var totalBytes: UInt64 { files.reduce(0) { $0 + $1.size } }

    private let root: String
    private static let deepest = 64

    init(dataDirectory: String) throws(SystemError) {
        root = dataDirectory
        let top = try Self.status(root)
        directories.append(Self.item(".", top))
        try walk("", depth: 0)
        files.sort { ($1.size, $0.path) < ($0.size, $1.path) }
    }

    private mutating func walk(_ directory: String, depth: Int) throws(SystemError) {
        guard depth < Self.deepest else { throw SystemError("walk", path: root + "/" + directory, code: ELOOP) }
        let names: Set<String>
        do throws(SystemError) { names = Set(try Files.list(root + "/" + directory)) } catch {
            // A database that was dropped meanwhile.
            if error.isNotFound, depth > 0 { return }
            throw error
        }
        for name in names.sorted() {
            let path = directory.isEmpty ? name : directory + "/" + name
            do throws(SystemError) {
                try take(path, siblings: names, depth: depth)
            } catch {
                guard error.isNotFound else { throw error }
            }
        }
    }

    private mutating func take(_ path: String, siblings: Set<String>, depth: Int) throws(SystemError) {
        let status = try Self.status(root + "/" + path)
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        // A link is stored as what it leads to: readers of base backups stumble over links.
        guard isDirectory || status.st_mode & S_IFMT == S_IFREG else { return }
        switch BackupSelection.verdict(path, isDirectory: isDirectory, siblings: siblings) {
        case .skip: return
        case .emptyDirectory: directories.append(Self.item(path, status))
        case .include where isDirectory:
            guard try !Self.isLink(root + "/" + path) else {
                throw SystemError("back up the linked directory", path: root + "/" + path, code: ENOTSUP)
            }
            directories.append(Self.item(path, status))
            try walk(path, depth: depth + 1)
        case .include: files.append(Self.item(path, status))
        }
    }

    /// Follows links: `pg_wal` is one to another volume often enough.
    private static func status(_ absolute: String) throws(SystemError) -> stat {
        var status = stat()
        guard stat(absolute, &status) == 0 else { throw SystemError("stat", path: absolute) }
        return status
    }

    private static func isLink(_ absolute: String) throws(SystemError) -> Bool {
        var status = stat()
        guard lstat(absolute, &status) == 0 else { throw SystemError("stat", path: absolute) }
        return status.st_mode & S_IFMT == S_IFLNK
    }

    private static func item(_ path: String, _ status: stat) -> Item {
        Item(
            path: path, mode: status.st_mode & 0o7777, owner: status.st_uid, group: status.st_gid,
            size: UInt64(max(0, status.st_size)), modified: Int64(status.st_mtim.tv_sec))
    }
}
