/// Bytes as they are: for objects that an archive holds uncompressed.
package struct IdentityCodec: Codec, Hashable {
    package init() {}

    package var suffix: String { "" }

    package func makeEncoder() throws(CompressionError) -> any StreamEncoder { Passage() }
    package func makeDecoder() throws(CompressionError) -> any StreamDecoder { Passage() }

    private final class Passage: StreamEncoder, StreamDecoder {
        func write(_ input: RawSpan, to sink: (RawSpan) throws -> Void) throws {
            if !input.isEmpty { try sink(input) }
        }

        func endChunk(to sink: (RawSpan) throws -> Void) throws {}
        func finish(to sink: (RawSpan) throws -> Void) throws {}
        func finish() throws(CompressionError) {}
    }
}
