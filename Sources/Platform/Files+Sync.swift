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
    package borrowing func startWriteback() { cpf_start_writeback(rawValue, 0, 0) }

    /// The same for a part of the file.
    package borrowing func startWriteback(from offset: UInt64, count: UInt64) {
        cpf_start_writeback(rawValue, Int(clamping: offset), Int(clamping: count))
    }

    /// Writes all of `bytes` from `offset` on, wherever the descriptor stands.
    package borrowing func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(SystemError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let position = off_t(clamping: offset + UInt64(done))
            done += try retrying("write") { pwrite(rawValue, rest.baseAddress, rest.count, position) }
        }
    }
}

/// CRC-32C (Castagnoli) of bytes as they come: what PostgreSQL's backup manifests have.
package struct RunningCRC32C: Sendable {
    package private(set) var value: UInt32 = 0

    package init() {}

    /// Of two pieces that follow each other: the sum of both, from their own.
    /// - Parameter count: bytes of the second.
    package static func combine(_ first: UInt32, _ second: UInt32, count: UInt64) -> UInt32 {
        // Multiplies the first, as a polynomial, by x^(8 count).
        var (factor, square, rest) = (UInt32(1) << 31, UInt32(1) << 23, count)
        while rest > 0 {
            if rest & 1 == 1 { factor = product(square, factor) }
            square = product(square, square)
            rest >>= 1
        }
        return product(factor, first) ^ second
    }

    /// Of two polynomials modulo that of CRC-32C, the lowest power in the highest bit.
    private static func product(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var (sum, right) = (UInt32(0), right)
        for bit in (0..<32).reversed() {
            if left >> UInt32(bit) & 1 == 1 { sum ^= right }
            right = right & 1 == 1 ? right >> 1 ^ 0x82F6_3B78 : right >> 1
        }
        return sum
    }

    package mutating func add(_ bytes: RawSpan) {
        value = bytes.withUnsafeBytes { cpf_crc32c(value, $0.baseAddress, UInt($0.count)) }
    }
}
