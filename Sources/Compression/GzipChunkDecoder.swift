import CISAL
import CZlib

/// Inflates single chunks of a gzip member that `GzipChunkEncoder` wrote, in any order. Belongs to one thread.
package final class GzipChunkDecoder {
    private enum Engine {
        case isal(OpaquePointer)
        case zlib(UnsafeMutablePointer<z_stream>)
    }

    private let engine: Engine
    private static let rawWindowBits: Int32 = -15

    package init(_ codec: GzipCodec = GzipCodec()) throws(CompressionError) {
        switch codec.engine {
        case .isal:
            guard let decoder = pgm_isal_decoder_make() else { throw .outOfMemory }
            engine = .isal(decoder)
        case .zlib:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard pgm_inflate_init(stream, Self.rawWindowBits) == Z_OK else {
                stream.deallocate()
                throw .outOfMemory
            }
            engine = .zlib(stream)
        }
    }

    deinit {
        switch engine {
        case .isal(let decoder): pgm_isal_decoder_free(decoder)
        case .zlib(let stream):
            inflateEnd(stream)
            stream.deallocate()
        }
    }

    /// Inflates one chunk.
    /// - Parameters:
    ///   - compressed: its `compressed` bytes.
    ///   - output: memory for its `uncompressed` bytes, exactly.
    ///   - sum: what their CRC-32 must be.
    package func read(_ compressed: RawSpan, into output: UnsafeMutableRawBufferPointer, sum: UInt32)
        throws(CompressionError)
    {
        try compressed.withUnsafeBytes { (bytes) throws(CompressionError) in
            let isWhole =
                switch engine {
                case .isal(let decoder): Self.inflate(bytes, output, decoder)
                case .zlib(let stream): Self.inflate(bytes, output, stream)
                }
            guard isWhole else { throw .corrupt("a chunk is not what the index says") }
        }
        let kind: GzipEngine = if case .isal = engine { .isal } else { .zlib }
        guard GzipSum.of(UnsafeRawBufferPointer(output), by: kind) == sum else {
            throw .corrupt("a chunk's checksum is wrong")
        }
    }

    private static func inflate(
        _ bytes: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer, _ decoder: OpaquePointer
    ) -> Bool {
        pgm_isal_decoder_reset(decoder, PGM_ISAL_CHUNK)
        var step = pgm_isal_step(
            input: bytes.bindMemory(to: UInt8.self).baseAddress, input_count: bytes.count,
            output: output.bindMemory(to: UInt8.self).baseAddress, output_room: output.count)
        while step.output_room > 0 {
            let before = (step.input_count, step.output_room)
            guard pgm_isal_inflate(decoder, &step) == PGM_ISAL_MORE,
                before != (step.input_count, step.output_room)
            else { return false }
        }
        return true
    }

    private static func inflate(
        _ bytes: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer,
        _ stream: UnsafeMutablePointer<z_stream>
    ) -> Bool {
        guard inflateReset(stream) == Z_OK else { return false }
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(bytes.count)
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(output.count)
        defer { stream.pointee.next_in = nil }
        let code = CZlib.inflate(stream, Z_SYNC_FLUSH)
        return code == Z_OK && stream.pointee.avail_out == 0
    }
}
