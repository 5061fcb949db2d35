/// gzip by zlib: the one format that every version of Barman reads, for WAL and for base backups.
package struct GzipCodec: Codec, Hashable {
    /// 1 (fast) to 9 (small). Level 1 costs a quarter of level 6 for 5 to 14 % more bytes.
    package let level: Int

    package init(level: Int = 1) { self.level = min(max(level, 1), 9) }

    package var suffix: String { ".gz" }

    package func makeEncoder() throws(CompressionError) -> any StreamEncoder { try GzipEncoder(level: level) }
    package func makeDecoder() throws(CompressionError) -> any StreamDecoder { try GzipDecoder() }
}
