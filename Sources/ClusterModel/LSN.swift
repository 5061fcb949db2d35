/// A write-ahead log position: a byte offset into the WAL stream of one timeline.
///
/// Text form as PostgreSQL prints `pg_lsn`: two hexadecimal halves, `16/B374D848`.
package struct LSN: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Parses `XXXXXXXX/XXXXXXXX`; nil when the text is anything else.
    package init?(_ text: some StringProtocol) {
        let halves = text.split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2, let high = Self.half(halves[0]), let low = Self.half(halves[1]) else { return nil }
        rawValue = UInt64(high) << 32 | UInt64(low)
    }

    private static func half(_ text: some StringProtocol) -> UInt32? {
        guard (1...8).contains(text.utf8.count), text.allSatisfy(\.isHexDigit) else { return nil }
        return UInt32(text, radix: 16)
    }

    /// PostgreSQL's `InvalidXLogRecPtr`.
    package static let zero = LSN(rawValue: 0)

    package var description: String {
        String(rawValue >> 32, radix: 16, uppercase: true) + "/"
            + String(rawValue & 0xFFFF_FFFF, radix: 16, uppercase: true)
    }

    package static func < (left: LSN, right: LSN) -> Bool { left.rawValue < right.rawValue }

    /// Bytes from `other` up to this position; 0 when `other` is ahead.
    package func bytes(since other: LSN) -> UInt64 { rawValue > other.rawValue ? rawValue - other.rawValue : 0 }
}

extension LSN: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = LSN(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not an LSN like 0/3000060")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
