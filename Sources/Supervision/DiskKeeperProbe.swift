import Glibc
import Platform
import Postgres

/// One look at the disk: a small durable write beside the data directory and in pg_wal, the room that is left, and the
/// ballast. Blocks for as long as the disk does.
struct DiskProbe: Sendable {
    enum Outcome: Hashable, Sendable {
        case written
        /// No room, or so little that the server would soon have none.
        case full
        /// The disk refuses writes: it is broken, or the file system was made read-only because of that.
        case refused
        /// Not written for a reason that says nothing of the disk: there is no directory yet, or it is not ours.
        case failed
    }

    struct Result: Hashable, Sendable {
        var outcome: Outcome
        var space: DiskSpace?
        var ballastBytes: UInt64 = 0
        var divergedWALSets = 0
        /// Enough for a server that has just been full to go on.
        var hasRoom = false
        var problem: String?
    }

    let dataDirectory: String
    /// Writes a few bytes into this file, durably.
    var write: @Sendable (_ path: String) throws(SystemError) -> Void = DiskProbe.writeFile
    var space: @Sendable (_ directory: String) throws(SystemError) -> DiskSpace = DiskProbe.space

    /// Whether a server runs that has come to its feet. While it does, the ballast is not given up, however full the
    /// disk is: those who filled it would fill that, too, and nothing would be left when the server ends of it.
    var serverRuns: @Sendable () -> Bool

    init(dataDirectory: String) {
        let path =
            dataDirectory.count > 1 && dataDirectory.hasSuffix("/") ? String(dataDirectory.dropLast()) : dataDirectory
        self.dataDirectory = path
        serverRuns = {
            guard let file = PostmasterPIDFile.read(dataDirectory: path), file.refersToLiveProcess() else {
                return false
            }
            return file.status == "ready" || file.status == "standby"
        }
    }

    /// Where the ballast and what else is no part of the data stands. On the same volume as the data directory, which
    /// may not exist yet.
    var parent: String { Self.directory(of: dataDirectory) }

    private static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    /// - Parameter ballast: bytes that are wanted; 0: none.
    func take(ballast wanted: UInt64) -> Result {
        let ballast = Ballast(path: dataDirectory + ".pgmahout-ballast", bytes: wanted)
        var result = Result(outcome: .written)
        var trouble: String?
        for path in files {
            do throws(SystemError) {
                try write(path)
                let space = try space(Self.directory(of: path))
                if result.space == nil { result.space = space }
                guard space.freeBytes < space.leastFree else { continue }
                result.outcome = .full
                result.problem = "only \(space.freeBytes) bytes are left for '\(path)'"
            } catch {
                result.outcome =
                    error.isNoSpace ? .full : error.isReadOnly || error.code == EIO ? .refused : .failed
                result.problem = error.description
            }
            if result.outcome != .written { break }
        }
        do throws(SystemError) {
            let space: DiskSpace
            if let known = result.space { space = known } else { space = try self.space(parent) }
            result.space = space
            if result.outcome == .full, !serverRuns() { try ballast.release() }
            if result.outcome == .written { try ballast.keep(free: space.freeBytes) }
            result.hasRoom = ballast.isRoomy(free: space.freeBytes, size: space.sizeBytes)
        } catch {
            trouble = error.description
        }
        result.problem = result.problem ?? trouble
        result.ballastBytes = ballast.present
        result.divergedWALSets = keptSets
        return result
    }

    /// On each file system one: the server writes to pg_wal first of all, and that may be a volume of its own.
    private var files: [String] {
        let name = ".pgmahout-probe"
        let wal = dataDirectory + "/pg_wal"
        guard let own = Self.device(parent), let other = Self.device(wal), own != other else {
            return [dataDirectory + name]
        }
        return [dataDirectory + name, "\(wal)/\(name)"]
    }

    private static func device(_ path: String) -> dev_t? {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_dev : nil
    }

    private var keptSets: Int {
        ((try? Files.list(dataDirectory + ".pgmahout-diverged")) ?? []).count { !$0.hasSuffix(".new") }
    }

    /// Its block is given back and taken anew each time: overwriting one in place succeeds on a full disk.
    private static func writeFile(_ path: String) throws(SystemError) {
        do throws(SystemError) {
            let file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC)
            try file.write([UInt8](repeating: UInt8(ascii: "."), count: 4096))
            try file.fsync()
            try file.close()
        } catch {
            throw SystemError(error.operation, path: path, code: error.code)
        }
    }

    private static func space(_ directory: String) throws(SystemError) -> DiskSpace {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { throw SystemError("statvfs", path: directory) }
        let unit = UInt64(status.f_frsize)
        return DiskSpace(
            freeBytes: UInt64(status.f_bavail) * unit, sizeBytes: UInt64(status.f_blocks) * unit)
    }
}
