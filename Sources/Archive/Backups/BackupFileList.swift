import Glibc
import Platform

/// What a base backup copies of one directory tree, found in one walk after the backup has begun.
struct BackupFileList: Sendable {
    struct Item: Hashable, Sendable {
        /// Relative to the root.
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

    /// What the root is: names follow from it.
    let content: BackupPartName.Content
    /// An absolute path.
    let root: String
    /// The root itself first (as `.`), parents before children.
    private(set) var directories: [Item] = []
    /// Largest first, so that parallel copies end at about the same time.
    private(set) var files: [Item] = []

    var totalBytes: UInt64 { files.reduce(0) { $0 + $1.size } }

    /// Where a data directory has what is in here; empty for the data directory itself.
    var prefix: String { Self.prefix(content) }

    static func prefix(_ content: BackupPartName.Content) -> String {
        switch content {
        case .data: ""
        case .tablespace(let oid): "pg_tblspc/\(oid)/"
        }
    }

    private static let deepest = 64

    init(dataDirectory: String) throws {
        (content, root) = (.data, dataDirectory)
        directories.append(Self.item(".", try Self.status(root)))
        try walk("", depth: 0)
        sort()
    }

    /// - Parameter major: only the directory of this version of PostgreSQL: others may share the place.
    init(tablespace oid: UInt32, at location: String, major: Int) throws {
        (content, root) = (.tablespace(oid), location)
        directories.append(Self.item(".", try Self.status(root)))
        for name in try Files.list(root).sorted() where name.hasPrefix("PG_\(major)_") {
            try take(name, siblings: [], depth: 0)
        }
        sort()
    }

    private mutating func sort() { files.sort { ($1.size, $0.path) < ($0.size, $1.path) } }

    private mutating func walk(_ directory: String, depth: Int) throws {
        guard depth < Self.deepest else { throw SystemError("walk", path: root + "/" + directory, code: ELOOP) }
        let names: Set<String>
        do throws(SystemError) { names = Set(try Files.list(root + "/" + directory)) } catch {
            // A database that was dropped meanwhile.
            if error.isNotFound, depth > 0 { return }
            throw error
        }
        for name in names.sorted() {
            let path = directory.isEmpty ? name : directory + "/" + name
            // A name that is no text came out altered, and its file would seem to have vanished.
            guard !name.unicodeScalars.contains("\u{FFFD}") else {
                throw ArchiveError(
                    .refused, "'\(root)/\(path)' has a name that is not UTF-8: rename it, or move it elsewhere")
            }
            do { try take(path, siblings: names, depth: depth) } catch let error as SystemError {
                guard error.isNotFound else { throw error }
            }
        }
    }

    private mutating func take(_ path: String, siblings: Set<String>, depth: Int) throws {
        let absolute = root + "/" + path
        // Tablespaces have parts of their own, and readers of base backups make the links.
        if content == .data, path.hasPrefix("pg_tblspc/"), depth == 1, try Self.isLink(absolute) { return }
        let status = try Self.status(absolute)
        let isDirectory = status.st_mode & S_IFMT == S_IFDIR
        // A link is stored as what it leads to: readers of base backups stumble over links.
        guard isDirectory || status.st_mode & S_IFMT == S_IFREG else { return }
        switch BackupSelection.verdict(prefix + path, isDirectory: isDirectory, siblings: siblings) {
        case .skip: return
        case .emptyDirectory: directories.append(Self.item(path, status))
        case .include where isDirectory:
            guard try !Self.isLink(absolute) else {
                throw SystemError("back up the linked directory", path: absolute, code: ENOTSUP)
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

    static func item(_ path: String, _ status: stat) -> Item {
        Item(
            path: path, mode: status.st_mode & 0o7777, owner: status.st_uid, group: status.st_gid,
            size: UInt64(max(0, status.st_size)), modified: Int64(status.st_mtim.tv_sec))
    }
}
