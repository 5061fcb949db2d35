import Glibc
import Platform

final class DirectoryReader: ObjectReader {
    private var file: FileDescriptor
    private let path: String
    private var position: UInt64

    init(path: String, from offset: UInt64) throws(SystemError) {
        self.path = path
        position = offset
        file = try Self.open(path, at: offset)
    }

    private static func open(_ path: String, at offset: UInt64) throws(SystemError) -> FileDescriptor {
        let file = try FileDescriptor(opening: path, O_RDONLY)
        var status = stat()
        // open(2) takes a directory as well, and reading one is an error of another kind than absence.
        guard fstat(file.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw SystemError("read", path: path, code: ENOENT)
        }
        if offset > 0, lseek(file.rawValue, off_t(clamping: offset), SEEK_SET) < 0 {
            throw SystemError("seek in", path: path)
        }
        return file
    }

    func read(upTo limit: Int) throws(ObjectStoreError) -> [UInt8] {
        do throws(SystemError) {
            let bytes: [UInt8]
            do throws(SystemError) { bytes = try file.read(upTo: limit) } catch {
                guard error.isStale else { throw error }
                // Objects never change, so the same place of the same name goes on with the same bytes.
                file = try Self.open(path, at: position)
                bytes = try file.read(upTo: limit)
            }
            position += UInt64(bytes.count)
            return bytes
        } catch { throw ObjectStoreError(SystemError(error.operation, path: path, code: error.code)) }
    }
}
