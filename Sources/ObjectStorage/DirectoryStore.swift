import Glibc
import Platform
import Synchronization

/// Objects as files of one directory: a local disk, or a mounted network file system.
///
/// The directory itself must exist and is never made: where a mount is missing, an archive would otherwise grow on the
/// disk below and be gone once the mount is back. Objects are written aside under `.incoming`, on the same file
/// system, and get their name by link(2), which fails where that is taken.
package final class DirectoryStore: ObjectStore {
    package let root: String
    /// Directories that this process has made durable, down from the root.
    private let durable = Mutex<Set<String>>([])
    /// The directory in which this process has found or made `.incoming`.
    private let known = Mutex<RootIdentity?>(nil)

    private struct RootIdentity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private static let incomingName = ".incoming"

    /// - Parameter root: an absolute path.
    package init(root: String) { self.root = root }

    package var description: String { "directory '\(root)'" }

    package func head(_ key: ObjectKey) throws(ObjectStoreError) -> ObjectInfo? {
        let path = try path(of: key)
        var status = stat()
        do throws(SystemError) {
            try Self.reopening { () throws(SystemError) in
                guard stat(path, &status) == 0 else { throw SystemError("find", path: path) }
            }
        } catch { return try absent(error) }
        return status.st_mode & S_IFMT == S_IFREG ? ObjectInfo(key: key, size: UInt64(max(0, status.st_size))) : nil
    }

    package func read(_ key: ObjectKey, from offset: UInt64) throws(ObjectStoreError) -> (any ObjectReader)? {
        let path = try path(of: key)
        do throws(SystemError) {
            return try Self.reopening { () throws(SystemError) in try DirectoryReader(path: path, from: offset) }
        } catch { return try absent(error) }
    }

    package func upload(_ key: ObjectKey) throws(ObjectStoreError) -> any ObjectUpload {
        let target = try path(of: key)
        try requireRoot()
        let incoming = root + "/" + Self.incomingName
        let isArchive: Bool
        do throws(SystemError) { isArchive = try prepare(incoming) } catch { throw ObjectStoreError(error) }
        guard isArchive else {
            throw ObjectStoreError(
                .unavailable,
                "archive directory '\(root)' is not the one it was, and holds no archive: was it unmounted?")
        }
        do throws(SystemError) {
            let temporary = Files.temporaryPath(for: incoming + "/" + key.name)
            return try Self.reopening { () throws(SystemError) in
                try DirectoryUpload(store: self, key: key, temporary: temporary, target: target)
            }
        } catch { throw ObjectStoreError(error) }
    }

    /// Where a mount went away there is an empty directory, which must not become an archive of its own: WAL would count
    /// as archived, and would not be there once the mount is back.
    private func prepare(_ incoming: String) throws(SystemError) -> Bool {
        var status = stat()
        guard stat(root, &status) == 0 else { throw SystemError("find", path: root) }
        let found = RootIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        if !Files.isDirectory(incoming) {
            let before = known.withLock { $0 }
            guard before == nil || before == found else { return false }
            try Files.makeDirectory(incoming)
        }
        known.withLock { $0 = found }
        return true
    }

    /// Once more after ESTALE: another machine has replaced what a handle led to, and its path leads on.
    static func reopening<Value>(_ body: () throws(SystemError) -> Value) throws(SystemError) -> Value {
        do throws(SystemError) { return try body() } catch {
            guard error.isStale else { throw error }
            return try body()
        }
    }

    package func confirmDurable(_ key: ObjectKey) throws(ObjectStoreError) {
        let file = try path(of: key)
        do throws(SystemError) {
            try FileDescriptor(opening: file, O_RDONLY).fsync()
            try makeDurable(directoryOf: key)
            try Files.syncDirectory(Self.parent(of: file))
        } catch { throw ObjectStoreError(error) }
    }

    package func delete(_ key: ObjectKey) throws(ObjectStoreError) {
        let file = try path(of: key)
        try requireRoot()
        do throws(SystemError) {
            try Files.remove(file)
            // Gone when the last object is gone, as in a store that has no directories.
            rmdir(Self.parent(of: file))
        } catch { throw ObjectStoreError(error) }
    }

    package func removeAbandonedUploads(under prefix: String, olderThan age: Duration) throws(ObjectStoreError) {
        try requireRoot()
        let incoming = root + "/" + Self.incomingName
        guard Files.isDirectory(incoming) else { return }
        let (seconds, _) = age.components
        do throws(SystemError) {
            for name in try Files.list(incoming) {
                var status = stat()
                let path = incoming + "/" + name
                guard stat(path, &status) == 0, Int64(status.st_mtim.tv_sec) < Int64(time(nil)) - seconds else {
                    continue
                }
                try Files.remove(path)
            }
        } catch { throw ObjectStoreError(error) }
    }

    /// Makes the directory that holds an object, and every name on the way to it durable.
    func makeDurable(directoryOf key: ObjectKey) throws(SystemError) {
        var path = root
        for component in key.text.utf8.split(separator: UInt8(ascii: "/")).dropLast() {
            let above = path
            path += "/" + Substring(component)
            let known = durable.withLock { $0.contains(path) }
            if known, Files.isDirectory(path) { continue }
            try Files.makeDirectory(path, mode: 0o750)
            // Also where it existed: whoever made it may have died before this.
            try Files.syncDirectory(above)
            durable.withLock { _ = $0.insert(path) }
        }
    }

    func path(of key: ObjectKey) throws(ObjectStoreError) -> String {
        guard key.isWellFormed else { throw ObjectStoreError(.invalidKey, "'\(key)' is no valid name of an object") }
        return root + "/" + key.text
    }

    /// Says nil for a file that is not there, and throws for everything else: an archive that is not mounted as well.
    private func absent<Value>(_ error: SystemError) throws(ObjectStoreError) -> Value? {
        guard error.isNotFound || error.code == ENOTDIR else { throw ObjectStoreError(error) }
        try requireRoot()
        return nil
    }

    func requireRoot() throws(ObjectStoreError) {
        guard Files.isDirectory(root) else {
            throw ObjectStoreError(.unavailable, "archive directory '\(root)' is missing: is it mounted?")
        }
    }

    static func parent(of path: String) -> String {
        String(path.prefix(upTo: path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.endIndex))
    }
}

extension ObjectStoreError {
    init(_ error: SystemError) {
        let kind: Kind =
            switch error {
            case _ where error.isNoSpace: .full
            case _ where error.isPermissionDenied || error.isReadOnly: .denied
            default: .unavailable
            }
        self.init(kind, error.description)
    }
}
