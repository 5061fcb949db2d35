import Glibc
import Platform

final class DirectoryReader: ObjectReader {
    private let file: FileDescriptor
    private let path: String

    init(path: String, from offset: UInt64) throws(SystemError) {
        self.path = path
        file = try FileDescriptor(opening: path, O_RDONLY)
        var status = stat()
        // open(2) takes a directory as well, and reading one is an error of another kind than absence.
        guard fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw SystemError("read", path: path, code: ENOENT)
        }
        if offset > 0, lseek(file.rawValue, off_t(clamping: offset), SEEK_SET) < 0 {
            throw SystemError("seek in", path: path)
        }
    }

    func read(upTo limit: Int) throws(ObjectStoreError) -> [UInt8] {
        do throws(SystemError) { return try file.read(upTo: limit) } catch {
            throw ObjectStoreError(SystemError(error.operation, path: path, code: error.code))
        }
    }
}
