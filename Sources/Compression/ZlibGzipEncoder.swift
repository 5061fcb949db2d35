import CZlib

/// Writes one gzip member by zlib: about 270 KiB of zlib's state and 64 KiB of output.
///
/// One member only, because readers of base backups (Python's tarfile in stream mode) stop at the end of the first.
/// The header holds no time and no name: equal input gives equal output.
final class ZlibGzipEncoder: StreamEncoder {
    /// zlib keeps the address of its stream, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private let output: UnsafeMutableRawBufferPointer

    private static let outputSize = 64 << 10
    /// 32 KiB of window, and 16 for a gzip header instead of zlib's.
    private static let gzipWindowBits: Int32 = 15 + 16
    /// zlib's default use of memory.
    private static let memoryLevel: Int32 = 8

    init(level: Int) throws(CompressionError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        output = .allocate(byteCount: Self.outputSize, alignment: 16)
        guard pgm_deflate_init(stream, Int32(level), Self.gzipWindowBits, Self.memoryLevel) == Z_OK else {
            throw .outOfMemory
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    func write(_ input: RawSpan, to sink: (RawSpan) throws -> Void) throws {
        if input.isEmpty { return }
        try deflate(input, Z_NO_FLUSH, to: sink)
    }

    func endChunk(to sink: (RawSpan) throws -> Void) throws {
        try deflate(RawSpan(), Z_FULL_FLUSH, to: sink)
    }

    func finish(to sink: (RawSpan) throws -> Void) throws {
        try deflate(RawSpan(), Z_FINISH, to: sink)
    }

    private func deflate(_ input: RawSpan, _ flush: Int32, to sink: (RawSpan) throws -> Void) throws {
        try input.withUnsafeBytes { bytes in
            // zlib only reads; its field lacks the const.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(bytes.count)
            defer { stream.pointee.next_in = nil }
            repeat {
                stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
                stream.pointee.avail_out = UInt32(output.count)
                let code = CZlib.deflate(stream, flush)
                // Z_BUF_ERROR: nothing left to do, as after an output buffer that was filled exactly.
                guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
                    throw CompressionError.misuse("deflate (\(code))")
                }
                let produced = output.count - Int(stream.pointee.avail_out)
                if produced > 0 { try sink(UnsafeRawBufferPointer(output).bytes.extracting(first: produced)) }
            } while stream.pointee.avail_out == 0
        }
    }
}
