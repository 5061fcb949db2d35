import CPlatform
import Glibc

/// Many files at once.
extension Files {
    /// Makes all that was written to the file system of a directory durable: one wait instead of one for each file.
    package static func syncFileSystem(of directory: String) throws(SystemError) {
        let handle = try FileDescriptor(opening: directory, O_RDONLY | O_DIRECTORY)
        try retrying("syncfs", path: directory) { cpf_syncfs(handle.rawValue) }
    }
}

extension FileDescriptor {
    /// Lets the disk begin with what was written, so that the sync at the end finds less to do.
    package borrowing func startWriteback() { cpf_start_writeback(rawValue) }
}

/// CRC-32C (Castagnoli) of bytes as they come: what PostgreSQL's backup manifests have.
package struct RunningCRC32C: Sendable {
    package private(set) var value: UInt32 = 0

    package init() {}

    package mutating func add(_ bytes: RawSpan) {
        value = bytes.withUnsafeBytes { cpf_crc32c(value, $0.baseAddress, UInt($0.count)) }
    }
}
