import CZlib

/// Reads gzip by zlib, of one member or several, and checks length and CRC-32 of each.
final class ZlibGzipDecoder: StreamDecoder {
    /// zlib keeps the address of its stream, so it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    private let output: UnsafeMutableRawBufferPointer
    private var position = Position.beforeFirstMember

    private enum Position { case beforeFirstMember, inMember, betweenMembers }

    private static let outputSize = 256 << 10
    private static let gzipWindowBits: Int32 = 15 + 16

    init() throws(CompressionError) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        output = .allocate(byteCount: Self.outputSize, alignment: 16)
        guard pgm_inflate_init(stream, Self.gzipWindowBits) == Z_OK else { throw .outOfMemory }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    func write(_ input: RawSpan, to sink: (RawSpan) throws -> Void) throws {
        if input.isEmpty { return }
        try input.withUnsafeBytes { bytes in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(bytes.count)
            defer { stream.pointee.next_in = nil }
            var moreOutput = false
            while stream.pointee.avail_in > 0 || moreOutput {
                if position == .betweenMembers {
                    guard inflateReset(stream) == Z_OK else { throw CompressionError.misuse("inflateReset") }
                }
                position = .inMember
                moreOutput = try inflateOnce(to: sink)
            }
        }
    }

    func finish() throws(CompressionError) {
        guard position == .betweenMembers else { throw .truncated }
    }

    /// Whether zlib may hold more output for the same input.
    private func inflateOnce(to sink: (RawSpan) throws -> Void) throws -> Bool {
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        let code = inflate(stream, Z_NO_FLUSH)
        let produced = output.count - Int(stream.pointee.avail_out)
        switch code {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: position = .betweenMembers
        case Z_DATA_ERROR, Z_NEED_DICT:
            throw CompressionError.corrupt(stream.pointee.msg.map { String(cString: $0) } ?? "no gzip data")
        case Z_MEM_ERROR: throw CompressionError.outOfMemory
        default: throw CompressionError.misuse("inflate (\(code))")
        }
        if produced > 0 { try sink(UnsafeRawBufferPointer(output).bytes.extracting(first: produced)) }
        return code != Z_STREAM_END && stream.pointee.avail_out == 0
    }
}
