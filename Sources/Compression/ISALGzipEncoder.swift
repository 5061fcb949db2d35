import CISAL

/// Writes one gzip member by ISA-L at level 1: about 360 KiB of its state and 64 KiB of output.
///
/// One member, no time and no name: for the same reasons as `ZlibGzipEncoder`.
final class ISALGzipEncoder: StreamEncoder {
    private let encoder: OpaquePointer
    private let output: UnsafeMutableRawBufferPointer

    private static let outputSize = 64 << 10

    init() throws(CompressionError) {
        guard let encoder = pgm_isal_encoder_make() else { throw .outOfMemory }
        self.encoder = encoder
        output = .allocate(byteCount: Self.outputSize, alignment: 64)
    }

    deinit {
        pgm_isal_encoder_free(encoder)
        output.deallocate()
    }

    func write(_ input: RawSpan, to sink: (RawSpan) throws -> Void) throws {
        if input.isEmpty { return }
        try deflate(input, PGM_ISAL_GO_ON, to: sink)
    }

    func endChunk(to sink: (RawSpan) throws -> Void) throws {
        try deflate(RawSpan(), PGM_ISAL_FULL_FLUSH, to: sink)
    }

    func finish(to sink: (RawSpan) throws -> Void) throws {
        try deflate(RawSpan(), PGM_ISAL_FINISH, to: sink)
    }

    private func deflate(_ input: RawSpan, _ flush: pgm_isal_flush, to sink: (RawSpan) throws -> Void) throws {
        try input.withUnsafeBytes { bytes in
            var step = pgm_isal_step()
            step.input = bytes.bindMemory(to: UInt8.self).baseAddress
            step.input_count = bytes.count
            repeat {
                step.output = output.bindMemory(to: UInt8.self).baseAddress
                step.output_room = output.count
                let code = pgm_isal_deflate(encoder, &step, flush)
                guard code == 0 else { throw CompressionError.misuse("isal_deflate (\(code))") }
                let produced = output.count - step.output_room
                if produced > 0 { try sink(UnsafeRawBufferPointer(output).bytes.extracting(first: produced)) }
            } while step.output_room == 0 || step.input_count > 0
        }
    }
}
