import Glibc
import Platform

/// The directory beside the target in which a restore is made.
struct RestoreStaging: ~Copyable {
    let path: String
    /// Names this attempt and those that it cleared up after.
    let sign: String
    private let target: String
    /// Held for as long as the restore runs.
    private let lock: FileLock

    /// Says that the directory is ours to remove; locked by the restore that works in it.
    private static let marker = "pgmahout-restore"
    private static let suffix = ".pgmahout-restore"

    /// Checks the target, and clears up after an interrupted restore.
    /// - Parameter isReplaced: whether the target may hold something that `replace` moves aside at the end.
    init(target: String, isReplaced: Bool = false) throws {
        guard target.hasPrefix("/") else { throw RestoreError("'\(target)' is no absolute path") }
        let trimmed = Self.trimmed(target)
        if let problem = Self.targetProblem(trimmed, isReplaced: isReplaced) { throw RestoreError(.occupied, problem) }
        let staging = trimmed + Self.suffix
        let sign = Self.interruptedSign(target: trimmed) ?? String(UInt64.random(in: .min ... .max), radix: 36)
        let lock = try Self.prepare(staging)
        try Files.writeDurably(Array(sign.utf8), to: staging + "/" + Self.marker + ".sign")
        self.lock = lock
        self.sign = sign
        self.target = trimmed
        path = staging
    }

    /// Without `/` at the end.
    static func trimmed(_ path: String) -> String {
        var path = path[...]
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return String(path)
    }

    /// Of a restore into `target` that did not finish; nil: there was none.
    static func interruptedSign(target: String) -> String? {
        try? Files.readText("\(trimmed(target))\(suffix)/\(marker).sign", limit: 64)
    }

    /// For what is restored into a place that may not exist yet; nil: it cannot be told.
    static func freeBytes(near path: String) -> UInt64? {
        var directory = trimmed(path)
        while !Files.isDirectory(directory) {
            guard let slash = directory.lastIndex(of: "/") else { return nil }
            directory = slash == directory.startIndex ? "/" : String(directory[..<slash])
        }
        return try? Files.freeBytes(directory)
    }

    /// What is of this restore alone must not be in the finished directory.
    private static let leftovers = [
        "backup_label.old", "tablespace_map.old", "postmaster.opts", marker + ".sign", marker,
    ]

    /// Puts the finished and durable directory into place.
    borrowing func adopt() throws {
        try clean()
        if let problem = Self.targetProblem(target) { throw RestoreError(.occupied, problem) }
        // Replaces an empty directory, and fails for any other.
        try Files.renameDurably(path, to: target)
    }

    /// Puts it in the place of what is there, which gets another name and is never removed.
    /// - Returns: where the old directory is; nil: there was none.
    borrowing func replace(aside: String) throws -> String? {
        try clean()
        guard Files.exists(target) else {
            try Files.renameDurably(path, to: target)
            return nil
        }
        guard !Files.exists(aside) else { throw RestoreError(.occupied, "'\(aside)' is in the way") }
        // A crash between the two leaves both directories under names that say what they are.
        try Files.renameDurably(target, to: aside)
        try Files.renameDurably(path, to: target)
        return aside
    }

    private borrowing func clean() throws {
        for name in Self.leftovers { try Files.remove(path + "/" + name) }
        try Files.syncFileSystem(of: path)
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
                throw RestoreError(.occupied, "'\(path)' is in the way, and no interrupted restore has made it")
            }
            // The lock is on the marker, so it goes last.
            let running = try FileLock(exclusive: marker) == nil
            guard !running else {
                throw RestoreError(.occupied, "another restore into the same directory is running")
            }
            for name in names where name != Self.marker { try Files.removeTree(path + "/" + name) }
            try Files.removeTree(path)
        }
        do throws(SystemError) { try Files.makeDirectory(path) } catch {
            throw RestoreError("\(error)")
        }
        guard let lock = try FileLock(exclusive: marker) else {
            throw RestoreError(.occupied, "another restore into the same directory is running")
        }
        return lock
    }

    /// Why nothing can be put there; nil when it can.
    static func targetProblem(_ target: String, isReplaced: Bool = false) -> String? {
        guard Files.exists(target) else { return nil }
        guard Files.isDirectory(target), let names = try? Files.list(target), names.isEmpty || isReplaced else {
            return "'\(target)' is not an empty directory: a restore overwrites nothing"
        }
        let parent = String(target.prefix(upTo: target.lastIndex(of: "/") ?? target.endIndex)) + "/"
        var (inside, outside) = (stat(), stat())
        guard stat(target, &inside) == 0, stat(parent, &outside) == 0, inside.st_dev == outside.st_dev else {
            return "'\(target)' is a mount point: choose a directory below it, which a rename can make"
        }
        return nil
    }
}
