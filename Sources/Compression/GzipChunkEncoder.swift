import CISAL
import CZlib

/// Where one fully flushed chunk of a gzip member is, so that a reader may inflate it by itself.
package struct GzipChunk: Hashable, Sendable {
    /// Bytes.
    package let uncompressed: Int
    /// Bytes, without the member's header.
    package let compressed: Int
    /// CRC-32 of the uncompressed bytes.
    package let sum: UInt32

    package init(uncompressed: Int, compressed: Int, sum: UInt32) {
        self.uncompressed = uncompressed
        self.compressed = compressed
        self.sum = sum
    }
}

/// The frame around fully flushed chunks that makes one gzip member of them.
package struct GzipMember {
    private var sum: UInt32 = 0
    private var total: UInt64 = 0

    package init() {}

    /// What comes before the first chunk: no name, no time, no extra field (Python's stream reader breaks on that), an
    /// unknown system.
    package static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]
    /// Bytes behind the last chunk.
    package static let trailerSize = 10

    /// Tells of the next chunk.
    package mutating func add(_ chunk: GzipChunk) {
        sum = GzipSum.combine(sum, chunk.sum, count: chunk.uncompressed)
        total += UInt64(chunk.uncompressed)
    }

    /// An empty last block, then the sum and the length, both little endian.
    package var trailer: [UInt8] {
        var bytes: [UInt8] = [3, 0]
        for value in [sum, UInt32(truncatingIfNeeded: total)] {
            for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }
        return bytes
    }
}

/// Compresses chunks of a gzip member, each of them from memory to memory in one go: nothing is copied into a window,
/// where each chunk starts is known, and several threads may work at one member. Belongs to one thread.
package final class GzipChunkEncoder {
    private enum Engine {
        case isal(OpaquePointer)
        /// zlib keeps the address of its stream, so it must not move.
        case zlib(UnsafeMutablePointer<z_stream>)
    }

    private let engine: Engine
    private let output: UnsafeMutableRawBufferPointer
    private let largestChunk: Int

    private static let rawWindowBits: Int32 = -15
    private static let memoryLevel: Int32 = 8

    /// - Parameter largestChunk: bytes of input at a time. A chunk costs about half a percent in size at 1 MiB.
    package init(_ codec: GzipCodec, largestChunk: Int) throws(CompressionError) {
        switch codec.writes {
        case .isal:
            guard let encoder = pgm_isal_encoder_make() else { throw .outOfMemory }
            engine = .isal(encoder)
        case .zlib:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            guard pgm_deflate_init(stream, Int32(codec.level), Self.rawWindowBits, Self.memoryLevel) == Z_OK else {
                stream.deallocate()
                throw .outOfMemory
            }
            engine = .zlib(stream)
        }
        self.largestChunk = largestChunk
        // What cannot be compressed grows by a few bytes for every 16 KiB.
        output = .allocate(byteCount: largestChunk + largestChunk / 256 + 4096, alignment: 64)
    }

    deinit {
        switch engine {
        case .isal(let encoder): pgm_isal_encoder_free(encoder)
        case .zlib(let stream):
            deflateEnd(stream)
            stream.deallocate()
        }
        output.deallocate()
    }

    /// Compresses a chunk.
    /// - Parameters:
    ///   - input: not empty, and at most `largestChunk` bytes.
    ///   - body: gets what came of it, which lasts as long as this call.
    package func write<Result>(_ input: RawSpan, _ body: (GzipChunk, RawSpan) throws -> Result) throws -> Result {
        guard !input.isEmpty, input.byteCount <= largestChunk else {
            throw CompressionError.misuse("a chunk of \(input.byteCount) bytes")
        }
        let (count, sum) = try input.withUnsafeBytes { (bytes) throws(CompressionError) in
            (try deflate(bytes), GzipSum.of(bytes, by: engineKind))
        }
        return try body(
            GzipChunk(uncompressed: input.byteCount, compressed: count, sum: sum),
            UnsafeRawBufferPointer(output).bytes.extracting(first: count))
    }

    private var engineKind: GzipEngine { if case .isal = engine { .isal } else { .zlib } }

    /// - Returns: bytes in `output`.
    private func deflate(_ bytes: UnsafeRawBufferPointer) throws(CompressionError) -> Int {
        let input = bytes.bindMemory(to: UInt8.self).baseAddress
        let room = output.bindMemory(to: UInt8.self).baseAddress
        switch engine {
        case .isal(let encoder):
            var step = pgm_isal_step(
                input: input, input_count: bytes.count, output: room, output_room: output.count)
            let code = pgm_isal_deflate_chunk(encoder, &step)
            guard code == 0, step.input_count == 0 else { throw .misuse("isal_deflate_stateless (\(code))") }
            return output.count - step.output_room
        case .zlib(let stream):
            // zlib only reads; its field lacks the const.
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input)
            stream.pointee.avail_in = UInt32(bytes.count)
            stream.pointee.next_out = room
            stream.pointee.avail_out = UInt32(output.count)
            defer { stream.pointee.next_in = nil }
            let code = CZlib.deflate(stream, Z_FULL_FLUSH)
            // Room that is left over is the sign that the flush is complete.
            guard code == Z_OK, stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 else {
                throw .misuse("deflate (\(code))")
            }
            return output.count - Int(stream.pointee.avail_out)
        }
    }
}

/// gzip's CRC-32.
enum GzipSum {
    static func of(_ bytes: UnsafeRawBufferPointer, by engine: GzipEngine) -> UInt32 {
        let start = bytes.bindMemory(to: UInt8.self).baseAddress
        return switch engine {
        case .isal: pgm_isal_crc32(0, start, bytes.count)
        case .zlib: UInt32(truncatingIfNeeded: crc32_z(0, start, bytes.count))
        }
    }

    /// That of two pieces behind each other, the second one of `count` bytes.
    static func combine(_ first: UInt32, _ second: UInt32, count: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_combine(UInt(first), UInt(second), count))
    }
}
