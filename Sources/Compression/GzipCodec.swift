/// gzip: the one format that every version of Barman reads, for WAL and for base backups.
package struct GzipCodec: Codec, Hashable {
    /// 1 (fast) to 9 (small). ISA-L knows level 1; the others are zlib's, and cost it four times as much and more for 5
    /// to 14 % fewer bytes.
    package let level: Int
    /// Who reads, and writes where it can.
    package let engine: GzipEngine

    package init(level: Int = 1, engine: GzipEngine = .preferred) {
        self.level = min(max(level, 1), 9)
        self.engine = engine.isAvailable ? engine : .zlib
    }

    package var suffix: String { ".gz" }

    var writes: GzipEngine { level == 1 ? engine : .zlib }

    package func makeEncoder() throws(CompressionError) -> any StreamEncoder {
        switch writes {
        case .isal: try ISALGzipEncoder()
        case .zlib: try ZlibGzipEncoder(level: level)
        }
    }

    package func makeDecoder() throws(CompressionError) -> any StreamDecoder {
        switch engine {
        case .isal: try ISALGzipDecoder()
        case .zlib: try ZlibGzipDecoder()
        }
    }
}
