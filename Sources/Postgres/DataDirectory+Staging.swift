import Platform

/// How a new data directory comes into place: it is made under `stagingPath`, made durable, renamed to `readyPath`
/// (from there on it is whole), and then swapped in. A crash at any moment leaves one of these names, and `recover`
/// finishes or discards what it finds.
extension DataDirectory {
    /// Where initdb and pg_basebackup work. On the same file system, so that a rename puts it into place.
    package var stagingPath: String { path + ".pgmahout-new" }
    /// Finished and durable, not yet in place.
    var readyPath: String { path + ".pgmahout-ready" }
    /// What was replaced.
    var oldPath: String { path + ".pgmahout-old" }

    /// Removes what an unfinished initdb or clone has left. Call before each of them.
    package func discardStaging() throws(SystemError) {
        guard Files.exists(stagingPath) else { return }
        try Files.removeTree(stagingPath)
    }

    /// Removes what a killed restore into the staging directory has left, once there is a data directory. Before that it
    /// stays: the next attempt finds by it which tablespaces are its own to clear.
    package func discardRestore() throws(SystemError) {
        let leftover = stagingPath + ".pgmahout-restore"
        guard Files.exists(path + "/PG_VERSION"), Files.exists(leftover) else { return }
        try Files.removeTree(leftover)
    }

    /// Puts the finished staging directory into place, and an old data directory aside. Durable when it returns.
    /// `removeLeftovers` then removes the old one, which may take long.
    package func adoptStaging(_ identity: DataDirectoryIdentity) throws {
        let control = try ControlData.read(dataDirectory: stagingPath)
        guard control.systemIdentifier == identity.systemIdentifier, identity.cluster == cluster else {
            throw DataDirectoryError(
                "'\(stagingPath)' is of the system \(control.systemIdentifier), and "
                    + "\(identity.systemIdentifier) was expected")
        }
        try Files.writeDurably(encodeDocument(identity), to: stagingPath + "/" + DataDirectoryIdentity.fileName)
        try Files.syncTree(stagingPath)
        if Files.exists(readyPath) { try Files.removeTree(readyPath) }
        try Files.renameDurably(stagingPath, to: readyPath)
        try swapIn()
    }

    /// Finishes or discards what a crash has left. To be called once, before anything else; postgres must not run.
    /// - Returns: what was done, for the log; nil when nothing had to be.
    package func recover() throws -> String? {
        if Files.exists(readyPath) {
            guard let new = try readIdentity(in: readyPath), new.cluster == cluster else {
                throw DataDirectoryError("'\(readyPath)' is not of the cluster '\(cluster)': remove it by hand")
            }
            if case .refused(let reason) = inspect() { throw DataDirectoryError(reason) }
            try swapIn()
            try removeLeftovers()
            return "a finished data directory was put into place"
        }
        let interrupted = Files.exists(stagingPath)
        if case .refused = inspect() { return nil }
        try removeLeftovers()
        return interrupted ? "an unfinished data directory was discarded" : nil
    }

    /// Removes the staging directory and what was replaced.
    package func removeLeftovers() throws(SystemError) {
        for leftover in [stagingPath, oldPath] where Files.exists(leftover) { try Files.removeTree(leftover) }
    }

    /// Gives what was replaced a name under which nobody looks for it: removing it may take minutes, and the next
    /// clone needs its name. `emptyTrash` removes it, on whatever thread has time.
    package func putReplacedIntoTrash() throws(SystemError) {
        guard Files.exists(oldPath) else { return }
        try Files.renameDurably(oldPath, to: trashPrefix + String(UInt64.random(in: .min ... .max), radix: 36))
    }

    /// Removes what was put into the trash, also by an earlier run.
    package func emptyTrash() throws(SystemError) {
        guard let slash = path.lastIndex(of: "/") else { return }
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        for name in try Files.list(directory) {
            let entry = directory == "/" ? "/" + name : "\(directory)/\(name)"
            if entry.hasPrefix(trashPrefix) { try Files.removeTree(entry) }
        }
    }

    private var trashPrefix: String { path + ".pgmahout-trash-" }

    /// Removes what this member's own initdb has made and nobody opened: it lost the race to become the cluster.
    package func discardNeverOpened() throws {
        guard let identity = try readIdentity(), identity.cluster == cluster, identity.term == 0 else {
            throw DataDirectoryError("'\(path)' was opened before, so it is not discarded")
        }
        try putAside()
        try removeLeftovers()
    }

    private func swapIn() throws(SystemError) {
        if let names = try? Files.list(path), !names.isEmpty { try putAside() }
        // It spoke of the directory that is aside now.
        try Files.remove(rewindMarkerPath)
        try Files.renameDurably(readyPath, to: path)
    }

    private func putAside() throws(SystemError) {
        if Files.exists(oldPath) { try Files.removeTree(oldPath) }
        try Files.renameDurably(path, to: oldPath)
    }

    /// Why no staging directory can be put into place here; nil when it can.
    func placementProblem() -> String? {
        guard let mounts = try? Files.readText("/proc/self/mountinfo") else { return nil }
        guard Self.isMountPoint(path, mountInfo: mounts) else { return nil }
        return "'\(path)' is a mount point, and a data directory is put into place by a rename: "
            + "set dataDirectory to a directory below it"
    }

    /// Whether the fifth field of a line of /proc/self/mountinfo is `path`.
    static func isMountPoint(_ path: String, mountInfo: String) -> Bool {
        mountInfo.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ", maxSplits: 5)
            return fields.count >= 5 && fields[4].replacing("\\040", with: " ") == path
        }
    }
}

/// Why something was not done to a data directory.
package struct DataDirectoryError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
