import Compression
import ObjectStorage

extension ObjectStore {
    /// The whole of a gzipped object, inflated; nil when there is none.
    /// - Parameter limit: of inflated bytes.
    func readGzip(_ key: ObjectKey, limit: Int) throws -> [UInt8]? {
        guard let reader = try read(key) else { return nil }
        let decoder = try GzipCodec().makeDecoder()
        var content: [UInt8] = []
        while true {
            let piece = try reader.read(upTo: 256 << 10)
            if piece.isEmpty { break }
            try decoder.write(piece.span.bytes) { bytes in
                guard content.count + bytes.byteCount <= limit else {
                    throw ArchiveError(.refused, "'\(key)' is larger than \(limit) bytes")
                }
                bytes.withUnsafeBytes { content.append(contentsOf: $0) }
            }
        }
        try decoder.finish()
        return content
    }
}

extension [UInt8] {
    /// As a gzip member.
    func gzipped() throws -> [UInt8] {
        var output: [UInt8] = []
        let encoder = try GzipCodec().makeEncoder()
        let sink: (RawSpan) -> Void = { piece in piece.withUnsafeBytes { output.append(contentsOf: $0) } }
        try encoder.write(span.bytes, to: sink)
        try encoder.finish(to: sink)
        return output
    }
}
