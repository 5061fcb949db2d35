import Glibc
import Platform

/// The directory beside the target in which a restore is made.
struct RestoreStaging: ~Copyable {
    let path: String
    private let target: String
    /// Held for as long as the restore runs.
    private let lock: FileLock

    /// Says that the directory is ours to remove; locked by the restore that works in it.
    private static let marker = "pgmahout-restore"
    /// For WAL beside the data itself.
    private static let spareBytes: UInt64 = 64 << 20

    /// Checks the target, and clears up after an interrupted restore.
    /// - Parameter bytes: that the restored files need.
    init(target: String, bytes: UInt64) throws {
        guard target.hasPrefix("/") else { throw RestoreError("'\(target)' is no absolute path") }
        var trimmed = target
        while trimmed.count > 1, trimmed.hasSuffix("/") { trimmed.removeLast() }
        try Self.requireEmpty(trimmed)
        let staging = trimmed + ".pgmahout-restore"
        let lock = try Self.prepare(staging)
        let free = try Files.freeBytes(staging)
        guard free >= bytes + Self.spareBytes || bytes == 0 else {
            throw RestoreError(
                "'\(trimmed)' has room for \(free >> 20) MiB, and the backup needs \((bytes + Self.spareBytes) >> 20)")
        }
        self.target = trimmed
        path = staging
        self.lock = lock
    }

    /// What is of this restore alone must not be in the finished directory.
    private static let leftovers = ["backup_label.old", "tablespace_map.old", "postmaster.opts", marker]

    /// Puts the finished directory into place, durably.
    borrowing func adopt() throws {
        for name in Self.leftovers { try Files.remove(path + "/" + name) }
        try Files.syncTree(path)
        try Self.requireEmpty(target)
        // Replaces an empty directory, and fails for any other.
        try Files.renameDurably(path, to: target)
    }

    /// After a failure: the space is needed for the next attempt.
    borrowing func discard() {
        do { try Files.removeTree(path) } catch { return }
    }

    private static func prepare(_ path: String) throws -> FileLock {
        let marker = path + "/" + Self.marker
        if Files.exists(path) {
            let names = try Files.list(path)
            guard names.isEmpty || names.contains(Self.marker) else {
                throw RestoreError("'\(path)' is in the way, and no interrupted restore has made it")
            }
            // The lock is on the marker, so it goes last.
            let running = try FileLock(exclusive: marker) == nil
            guard !running else { throw RestoreError("another restore into the same directory is running") }
            try Files.removeTree(path)
        }
        do throws(SystemError) { try Files.makeDirectory(path) } catch {
            throw RestoreError("\(error)")
        }
        guard let lock = try FileLock(exclusive: marker) else {
            throw RestoreError("another restore into the same directory is running")
        }
        return lock
    }

    private static func requireEmpty(_ target: String) throws {
        guard Files.exists(target) else { return }
        guard Files.isDirectory(target), let names = try? Files.list(target), names.isEmpty else {
            throw RestoreError("'\(target)' is not an empty directory: a restore overwrites nothing")
        }
        let parent = String(target.prefix(upTo: target.lastIndex(of: "/") ?? target.endIndex)) + "/"
        var (inside, outside) = (stat(), stat())
        guard stat(target, &inside) == 0, stat(parent, &outside) == 0, inside.st_dev == outside.st_dev else {
            throw RestoreError("'\(target)' is a mount point: choose a directory below it, which a rename can make")
        }
    }
}
