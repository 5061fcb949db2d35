import ClusterModel
import Glibc
import Platform

/// A file of `pg_wal` that is to be archived, read through one open descriptor.
final class WALSource {
    /// Which file it was: the same name can come back with another one.
    struct Identity: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
        let size: UInt64
        let modifiedSeconds: Int
        let modifiedNanoseconds: Int
    }

    let path: String
    let identity: Identity
    private let file: FileDescriptor

    static let pieceSize = 256 << 10

    init(path: String) throws(SystemError) {
        self.path = path
        file = try FileDescriptor(opening: path, O_RDONLY)
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw SystemError("stat", path: path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw SystemError("read", path: path, code: EINVAL) }
        identity = Identity(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: UInt64(max(0, status.st_size)),
            modifiedSeconds: status.st_mtim.tv_sec, modifiedNanoseconds: status.st_mtim.tv_nsec)
    }

    /// Of the file that `path` names now; nil when there is none.
    static func identity(of path: String) -> Identity? { try? WALSource(path: path).identity }

    func rewind() throws(SystemError) {
        guard lseek(file.rawValue, 0, SEEK_SET) == 0 else { throw SystemError("rewind", path: path) }
    }

    /// Empty at the end.
    func read(upTo limit: Int = pieceSize) throws(SystemError) -> [UInt8] {
        do throws(SystemError) { return try file.read(upTo: limit) } catch {
            throw SystemError(error.operation, path: path, code: error.code)
        }
    }

    /// Reads to the end, through memory that is allocated once.
    /// - Returns: bytes.
    func readAll(_ body: (RawSpan) throws -> Void) throws -> UInt64 {
        let buffer = ReadBuffer(size: Self.pieceSize)
        var total: UInt64 = 0
        while true {
            let count: Int
            do { count = try buffer.read(from: file, body) } catch let error as SystemError where error.path == nil {
                throw SystemError(error.operation, path: path, code: error.code)
            }
            if count == 0 { return total }
            total += UInt64(count)
        }
    }

    /// Why this file must not be archived as `name` for `system`; nil when it may.
    func mismatch(with name: WALFileName, of system: SystemIdentifier) throws(SystemError) -> String? {
        switch name {
        case .history, .backup:
            return identity.size <= 1 << 20 ? nil : "it has \(identity.size) bytes, which no such file has"
        case .segment, .partial:
            try rewind()
            guard let header = WALPageHeader(try read(upTo: WALPageHeader.size)) else {
                return "it is shorter than a WAL page header"
            }
            let size = UInt64(header.segmentSize)
            guard size.nonzeroBitCount == 1, case let segment? = WALFileName("\(name)", segmentSize: size)?.segment
            else {
                return "its header tells of segments of \(size) bytes"
            }
            return header.mismatch(with: segment, of: system, fileSize: identity.size)
        }
    }
}

extension WALFileName {
    /// Any name that PostgreSQL may use, whatever the cluster's segment size: for keys and for order, not for
    /// positions in the WAL.
    init?(ofAnySize name: some StringProtocol) { self.init(name, segmentSize: 1 << 20) }

    /// nil for a history file.
    var segment: WALSegment? {
        switch self {
        case .segment(let segment), .partial(let segment), .backup(let segment, _): segment
        case .history: nil
        }
    }

    /// The order of archiving: history files first, because they guard timelines; then as the WAL was written.
    func isArchivedBefore(_ other: WALFileName) -> Bool {
        switch (segment, other.segment) {
        case (nil, nil): timeline < other.timeline
        case (nil, _?): true
        case (_?, nil): false
        case (let mine?, let theirs?): mine == theirs ? description < other.description : mine < theirs
        }
    }
}
