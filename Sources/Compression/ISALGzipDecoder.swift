import CISAL

/// Reads gzip by ISA-L, of one member or several, and checks length and CRC-32 of each.
final class ISALGzipDecoder: StreamDecoder {
    private let decoder: OpaquePointer
    private let output: UnsafeMutableRawBufferPointer
    private var position = Position.beforeFirstMember

    private enum Position { case beforeFirstMember, inHeader(GzipHeader), inMember, betweenMembers }

    private static let outputSize = 256 << 10

    init() throws(CompressionError) {
        guard let decoder = pgm_isal_decoder_make() else { throw .outOfMemory }
        self.decoder = decoder
        output = .allocate(byteCount: Self.outputSize, alignment: 64)
    }

    deinit {
        pgm_isal_decoder_free(decoder)
        output.deallocate()
    }

    func write(_ input: RawSpan, to sink: (RawSpan) throws -> Void) throws {
        try input.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                switch position {
                case .beforeFirstMember, .betweenMembers: position = .inHeader(GzipHeader())
                case .inHeader(var header):
                    rest = rest.dropFirst(try header.take(UnsafeRawBufferPointer(rebasing: rest)))
                    position = .inHeader(header)
                    if header.isComplete {
                        pgm_isal_decoder_reset(decoder, PGM_ISAL_GZIP_BODY)
                        position = .inMember
                    }
                case .inMember:
                    rest = rest.dropFirst(try inflate(UnsafeRawBufferPointer(rebasing: rest), to: sink))
                }
            }
        }
    }

    func finish() throws(CompressionError) {
        guard case .betweenMembers = position else { throw .truncated }
    }

    /// - Returns: how many of `bytes` belong to the member.
    private func inflate(_ bytes: UnsafeRawBufferPointer, to sink: (RawSpan) throws -> Void) throws -> Int {
        var step = pgm_isal_step()
        step.input = bytes.bindMemory(to: UInt8.self).baseAddress
        step.input_count = bytes.count
        var isOver = false
        repeat {
            step.output = output.bindMemory(to: UInt8.self).baseAddress
            step.output_room = output.count
            switch pgm_isal_inflate(decoder, &step) {
            case PGM_ISAL_MORE: break
            case PGM_ISAL_MEMBER_ENDS: (isOver, position) = (true, .betweenMembers)
            case PGM_ISAL_WRONG_SUM: throw CompressionError.corrupt("incorrect data check")
            default: throw CompressionError.corrupt("invalid deflate data")
            }
            let produced = output.count - step.output_room
            if produced > 0 { try sink(UnsafeRawBufferPointer(output).bytes.extracting(first: produced)) }
        } while !isOver && (step.input_count > 0 || step.output_room == 0)
        return bytes.count - step.input_count
    }
}
