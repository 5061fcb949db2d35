/// Text as the inside of a JSON string: no quotes, control characters or line breaks left in it, and always UTF-8.
struct EscapedText {
    private(set) var bytes: [UInt8] = []

    /// - Parameter forJSON: false leaves quotes and backslashes as they are, for people.
    init(_ text: String, forJSON: Bool = true) {
        bytes.reserveCapacity(text.utf8.count + 8)
        var previous: UInt8 = 0
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\"") where forJSON, UInt8(ascii: "\\") where forJSON:
                bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += Array("\\n".utf8)
            case UInt8(ascii: "\r"): bytes += Array("\\r".utf8)
            case UInt8(ascii: "\t"): bytes += Array("\\t".utf8)
            case 0..<0x20, 0x7f: appendUnicode(byte)
            // U+0080 to U+009F are control characters too, and terminals obey them.
            case 0x80..<0xa0 where previous == 0xc2:
                bytes.removeLast()
                appendUnicode(byte)
            default: bytes.append(byte)
            }
            previous = byte
        }
    }

    private mutating func appendUnicode(_ byte: UInt8) {
        let digits = Array("0123456789abcdef".utf8)
        bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
    }

    var isEmpty: Bool { bytes.isEmpty }
    var count: Int { bytes.count }

    /// Takes away and returns as much as fits into `limit` bytes without dividing a character or an escape.
    mutating func takePrefix(_ limit: Int) -> ArraySlice<UInt8> {
        guard bytes.count > limit else {
            defer { bytes = [] }
            return bytes[...]
        }
        var end = 0
        while true {
            let next = end + unit(at: end)
            if next > limit { break }
            end = next
        }
        defer { bytes.removeFirst(end) }
        return bytes[..<end]
    }

    /// Cuts off what does not fit into `limit` bytes, without dividing a character or an escape.
    mutating func truncate(to limit: Int) { bytes = Array(takePrefix(limit)) }

    /// Bytes of the character or escape that begins at `index`.
    private func unit(at index: Int) -> Int {
        switch bytes[index] {
        case UInt8(ascii: "\\"): index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "u") ? 6 : 2
        case 0..<0x80: 1
        case 0..<0xe0: 2
        case 0..<0xf0: 3
        default: 4
        }
    }
}
