@testable import Archive

/// Writes a tar archive as a stream.
struct TarWriter {
    private var left: UInt64 = 0
    private var padding = 0

    private static let zeros = [UInt8](repeating: 0, count: 64 << 10)

    /// - Parameter header: of a file: `size` bytes of content must follow, and then `end`.
    mutating func begin(_ header: TarHeader, to sink: (RawSpan) throws -> Void) throws {
        precondition(left == 0 && padding == 0, "an entry inside of another")
        try sink(header.encoded.span.bytes)
        left = header.kind == .file ? header.size : 0
        padding = header.kind == .file ? TarHeader.padding(after: header.size) : 0
    }

    /// Bytes of the file that are still to come.
    var missing: UInt64 { left }

    /// Content; what exceeds the announced size is dropped: the file has grown since.
    mutating func content(_ bytes: RawSpan, to sink: (RawSpan) throws -> Void) throws {
        let count = Int(min(left, UInt64(bytes.byteCount)))
        guard count > 0 else { return }
        try sink(bytes.extracting(first: count))
        left -= UInt64(count)
    }

    /// Ends a file; one that turned out shorter is filled up with zeros.
    mutating func end(to sink: (RawSpan) throws -> Void) throws {
        while left > 0 {
            let count = Int(min(left, UInt64(Self.zeros.count)))
            try sink(Self.zeros.span.extracting(first: count).bytes)
            left -= UInt64(count)
        }
        if padding > 0 { try sink(Self.zeros.span.extracting(first: padding).bytes) }
        padding = 0
    }

    func finish(to sink: (RawSpan) throws -> Void) throws {
        try sink(Self.zeros.span.extracting(first: 2 * TarHeader.blockSize).bytes)
    }
}
