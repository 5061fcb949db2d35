import Glibc
import Platform

/// A file aside that becomes an object by being linked to its name.
final class DirectoryUpload: ObjectUpload {
    private let store: DirectoryStore
    private let key: ObjectKey
    private let temporary: String
    private let target: String
    /// nil once closed.
    private var file: FileDescriptor?

    init(store: DirectoryStore, key: ObjectKey, temporary: String, target: String) throws(SystemError) {
        self.store = store
        self.key = key
        self.temporary = temporary
        self.target = target
        file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o640)
    }

    deinit { abort() }

    func write(_ bytes: RawSpan) throws(ObjectStoreError) {
        do throws(SystemError) {
            guard file != nil else { throw SystemError("write to a finished upload of", path: target, code: EBADF) }
            try bytes.withUnsafeBytes { (buffer) throws(SystemError) in try file?.write(buffer) }
        } catch { throw failed(error) }
    }

    func commit(if permission: () throws -> Void) throws -> CreateOutcome {
        do throws(SystemError) {
            try finish()
            try store.makeDurable(directoryOf: key)
        } catch { throw failed(error) }
        // All that may take long has been done.
        try permission()
        defer { abort() }
        do throws(SystemError) {
            do throws(SystemError) { try Files.linkExclusively(temporary, to: target) } catch {
                guard error.isExists else { throw error }
                // An answer of NFS may be lost: asked again, the server finds the name taken by what we linked ourselves.
                guard Self.isSame(temporary, target) else { return .exists }
            }
            try Files.syncDirectory(DirectoryStore.parent(of: target))
            return .created
        } catch { throw failed(error) }
    }

    private static func isSame(_ path: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard stat(path, &first) == 0, stat(other, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// What is on the way to the disk gets there, or its error is told: NFS and quotas refuse at fsync or close.
    private func finish() throws(SystemError) {
        guard let open = file.take() else { throw SystemError("finish again", path: target, code: EBADF) }
        try open.fsync()
        try open.close()
    }

    func abort() {
        _ = file.take()
        unlink(temporary)
    }

    private func failed(_ error: SystemError) -> ObjectStoreError {
        ObjectStoreError(SystemError(error.operation, path: error.path ?? target, code: error.code))
    }
}
