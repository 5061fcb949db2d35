import Glibc

/// Memory for reading a file piece by piece: allocated once, not for every piece. Used by one thread.
package final class ReadBuffer {
    private let memory: UnsafeMutableRawBufferPointer

    /// - Parameter size: bytes of a piece.
    package init(size: Int) { memory = .allocate(byteCount: size, alignment: 4096) }

    deinit { memory.deallocate() }

    /// Reads the next piece and hands it on; the bytes are good within `body` alone.
    /// - Returns: its length; 0 at the end of the file, for which `body` is not called.
    package func read(from file: borrowing FileDescriptor, _ body: (RawSpan) throws -> Void) throws -> Int {
        let (descriptor, memory) = (file.rawValue, memory)
        let count = try retrying("read") { Glibc.read(descriptor, memory.baseAddress, memory.count) }
        if count > 0 { try body(UnsafeRawBufferPointer(rebasing: memory[..<count]).bytes) }
        return count
    }
}
