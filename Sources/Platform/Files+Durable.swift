import Glibc

/// What must survive a power cut: the data is on the disk, and so is the name that leads to it.
extension Files {
    /// Replaces `path` at once and for good: after a crash it has the old content or the new one, never a part.
    /// - Parameter mode: permissions of the file, before the umask.
    package static func writeDurably(
        _ bytes: some Sequence<UInt8>, to path: String, mode: UInt32 = 0o600
    ) throws(SystemError) {
        let temporary = temporaryPath(for: path)
        do throws(SystemError) {
            let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
            try file.write(bytes)
            try file.fsync()
            try file.close()
            try retrying("rename", path: path) { rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw SystemError(error.operation, path: path, code: error.code)
        }
        try syncDirectory(parent(of: path))
    }

    /// A name in the directory of `path` that no other writer uses, be it on another machine.
    package static func temporaryPath(for path: String) -> String {
        "\(path).\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
    }

    /// Makes the names in a directory durable.
    package static func syncDirectory(_ path: String) throws(SystemError) {
        let directory = try FileDescriptor(opening: path, O_RDONLY | O_DIRECTORY)
        do throws(SystemError) { try directory.fsync() } catch {
            // Some network file systems refuse to sync a directory, because their names are durable at once.
            if error.code != EINVAL { throw SystemError("fsync", path: path, code: error.code) }
        }
    }

    /// Makes a file, or a directory with all that is in it, durable. Follows links to directories: `pg_wal` and
    /// tablespaces are such.
    package static func syncTree(_ path: String) throws(SystemError) {
        try syncTree(path, depth: 0)
    }

    private static func syncTree(_ path: String, depth: Int) throws(SystemError) {
        guard depth < maximumDepth else { throw SystemError("fsync", path: path, code: ELOOP) }
        switch kind(of: path, following: true) {
        case S_IFDIR:
            for name in try list(path) { try syncTree("\(path)/\(name)", depth: depth + 1) }
            try syncDirectory(path)
        case S_IFREG:
            let file = try FileDescriptor(opening: path, O_RDONLY)
            do throws(SystemError) { try file.fsync() } catch {
                throw SystemError("fsync", path: path, code: error.code)
            }
        default: break  // sockets, pipes and dangling links hold no data; what vanished needs none
        }
    }

    /// rename(2), durable in both directories. Replaces what `to` names.
    package static func renameDurably(_ from: String, to: String) throws(SystemError) {
        try retrying("rename", path: from) { rename(from, to) }
        let (source, target) = (parent(of: from), parent(of: to))
        try syncDirectory(target)
        if source != target { try syncDirectory(source) }
    }

    /// link(2): gives a file a second name only if nobody has that name yet (else `isExists`).
    /// The directory is not synced.
    package static func linkExclusively(_ from: String, to: String) throws(SystemError) {
        try retrying("link", path: to) { link(from, to) }
    }

    static let maximumDepth = 64
}
