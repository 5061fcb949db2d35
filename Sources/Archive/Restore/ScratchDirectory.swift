import ClusterModel
import Glibc
import Platform
import Postgres

/// A directory for something that is thrown away: whatever way it ends, the next one there clears it up, servers included.
struct ScratchDirectory: ~Copyable {
    let path: String
    private let lock: FileLock

    /// Says that the directory is ours to clear; locked by whoever works in it.
    private static let marker = "pgmahout-scratch"

    var dataDirectory: String { path + "/data" }

    /// - Parameter path: absolute; missing, empty, or of an earlier one.
    init(_ path: String) throws {
        let path = RestoreStaging.trimmed(path)
        guard path.hasPrefix("/"), path != "/" else { throw RestoreError("'\(path)' is no absolute path") }
        if let names = try? Files.list(path), !names.isEmpty, !names.contains(Self.marker) {
            throw RestoreError(
                .occupied, "'\(path)' holds something that no restore drill has made: choose another place")
        }
        try Files.makeDirectory(path)
        guard let lock = try FileLock(exclusive: path + "/" + Self.marker) else {
            throw RestoreError(.occupied, "something else works in '\(path)' at the moment")
        }
        try Self.clear(path)
        self.path = path
        self.lock = lock
    }

    /// A place for a tablespace.
    func tablespace(_ oid: UInt32) -> String { "\(path)/tablespaces/\(oid)" }

    /// Ends what runs in it and removes all but the lock.
    borrowing func clear() throws { try Self.clear(path) }

    /// As `clear`, and the directory itself.
    borrowing func remove() throws {
        try Self.clear(path)
        try Files.removeTree(path)
    }

    private static func clear(_ path: String) throws {
        for data in ["data", "data.pgmahout-restore"].map({ path + "/" + $0 }) where Files.exists(data) {
            // A server on it was started by a run that is dead, or by this one and has failed to stop.
            let canonical = try Files.canonicalPath(data)
            let postmaster = PostmasterPIDFile.read(dataDirectory: data)
                .flatMap { $0.refersToLiveProcess() ? $0.processID : nil }
            let deadline = BootClock.now() + .seconds(10)
            while true {
                _ = Processes.killPostgres(postmaster: postmaster ?? 0, dataDirectory: canonical)
                if Processes.postgres(postmaster: postmaster ?? 0, dataDirectory: canonical).isEmpty { break }
                guard BootClock.now() < deadline else {
                    throw RestoreError(.occupied, "processes of an earlier server on '\(data)' cannot be killed")
                }
                usleep(10_000)
            }
        }
        for name in try Files.list(path) where name != marker { try Files.removeTree(path + "/" + name) }
    }
}
