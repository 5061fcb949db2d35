/// A stream format of the archive: which suffix its objects bear, and how bytes get in and out.
///
/// Encoders and decoders belong to one thread; a codec may be shared.
package protocol Codec: Sendable {
    /// Of object names, with the dot; empty for bytes as they are.
    var suffix: String { get }

    func makeEncoder() throws(CompressionError) -> any StreamEncoder
    func makeDecoder() throws(CompressionError) -> any StreamDecoder
}

/// Turns a stream of bytes into its compressed form, through memory of fixed size.
package protocol StreamEncoder: AnyObject {
    /// Takes all of `input` in; gives output to `sink` whenever there is some.
    func write(_ input: RawSpan, to sink: (RawSpan) throws -> Void) throws

    /// Ends a chunk at a byte boundary with a forgotten window, so that a reader may start behind it.
    func endChunk(to sink: (RawSpan) throws -> Void) throws

    /// Ends the stream; the encoder is of no use after that.
    func finish(to sink: (RawSpan) throws -> Void) throws
}

/// Turns a compressed stream back into its bytes, through memory of fixed size.
package protocol StreamDecoder: AnyObject {
    /// Takes all of `input` in; gives output to `sink` in pieces of at most 256 KiB.
    func write(_ input: RawSpan, to sink: (RawSpan) throws -> Void) throws

    /// Says that no input follows. Throws `CompressionError.truncated` when the stream is not complete,
    /// its checksum included.
    func finish() throws(CompressionError)
}

/// What is wrong with a compressed stream.
package enum CompressionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// It ends before its end.
    case truncated
    /// It is no such stream, or its checksum does not match.
    case corrupt(String)
    case outOfMemory
    /// Broken use of the library: a bug.
    case misuse(String)

    package var description: String {
        switch self {
        case .truncated: "compressed data is truncated"
        case .corrupt(let reason): "compressed data is corrupt: \(reason)"
        case .outOfMemory: "no memory for compression"
        case .misuse(let call): "compression library refused \(call)"
        }
    }
}
