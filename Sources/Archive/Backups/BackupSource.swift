import Glibc
import Platform
import Postgres
import Synchronization

/// One file on its way into a part: read in pieces, by several threads.
final class BackupSource: Sendable {
    let path: String
    private let descriptor: Int32

    /// What is to be told of a file once all of it was read.
    final class Record: Sendable {
        /// Relative to the data directory.
        let path: String
        let size: UInt64
        /// Seconds since 1970.
        let modified: Int64
        private let pieces: Mutex<[(sum: UInt32, count: UInt64)?]> = Mutex([])

        init(path: String, size: UInt64, modified: Int64) {
            self.path = path
            self.size = size
            self.modified = modified
        }

        /// - Parameter number: counted from 0 in the order of the file.
        func set(_ sum: UInt32, count: Int, ofPiece number: Int) {
            pieces.withLock { pieces in
                while pieces.count <= number { pieces.append(nil) }
                pieces[number] = (sum, UInt64(count))
            }
        }

        /// CRC-32C of the bytes that were stored.
        var sum: UInt32 {
            pieces.withLock { pieces in
                pieces.reduce(0) { sum, piece in
                    guard let piece else { return sum }
                    return CRC32C.combine(sum, piece.sum, count: piece.count)
                }
            }
        }
    }

    let record: Record
    /// Number of its first page in its relation; nil: it holds no pages that could be checked.
    let firstBlock: UInt32?

    /// Opens a file and looks at it anew: it may have grown since it was found.
    init?(_ item: BackupFileList.Item, in root: String, prefix: String, checksums: PageChecksums?) throws(SystemError) {
        path = root + "/" + item.path
        let file: FileDescriptor
        do throws(SystemError) { file = try FileDescriptor(opening: path, O_RDONLY) } catch {
            // Dropped or renamed meanwhile, as WAL replay expects it.
            if error.isNotFound { return nil }
            throw error
        }
        var status = stat()
        guard fstat(file.rawValue, &status) == 0 else { throw SystemError("stat", path: path) }
        record = Record(
            path: prefix + item.path, size: UInt64(max(0, status.st_size)), modified: Int64(status.st_mtim.tv_sec))
        firstBlock = checksums.flatMap { BackupSelection.firstBlock(prefix + item.path, $0) }
        // The kernel reads ahead farther.
        if record.size > 1 << 20 { posix_fadvise(file.rawValue, 0, 0, POSIX_FADV_SEQUENTIAL) }
        descriptor = file.release()
    }

    deinit { close(descriptor) }

    /// Fills `buffer` from `offset` on; what lies behind the end of the file is zeros.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(SystemError) {
        var done = 0
        while done < buffer.count {
            let count = pread(
                descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, off_t(clamping: offset) + done)
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("read", path: path)
            }
            if count == 0 { break }
            done += count
        }
        if done < buffer.count {
            UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).initializeMemory(as: UInt8.self, repeating: 0)
        }
    }
}
