/// One entry of a tar archive, in the format that POSIX calls pax and every reader knows.
struct TarHeader: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case file, directory
        /// A hard link, a symbolic link, a device: the type byte. Never written, because stream readers stumble.
        case other(UInt8)
    }

    /// Relative, without `./` and without a `/` at the end.
    var name: String
    var kind: Kind
    /// Permission bits.
    var mode: UInt32
    var owner: UInt32
    var group: UInt32
    /// Bytes of content that follow.
    var size: UInt64
    /// Seconds since 1970.
    var modified: Int64

    static let blockSize = 512
    /// Room of the classic fields.
    static let longestName = 100
    static let largestSize: UInt64 = 0o77_777_777_777

    /// The block, after one with extended attributes where name or size need it.
    var encoded: [UInt8] {
        let text = kind == .directory ? name + "/" : name
        var attributes: [(String, String)] = []
        if text.utf8.count > Self.longestName { attributes.append(("path", text)) }
        if size > Self.largestSize { attributes.append(("size", String(size))) }
        var bytes: [UInt8] = []
        if !attributes.isEmpty {
            let records = attributes.flatMap { Self.record($0.0, $0.1) }
            bytes += block("././@PaxHeader", type: UInt8(ascii: "x"), size: UInt64(records.count))
            bytes += records
            bytes += [UInt8](repeating: 0, count: Self.padding(after: UInt64(records.count)))
        }
        let type = kind == .directory ? UInt8(ascii: "5") : UInt8(ascii: "0")
        return bytes + block(text, type: type, size: min(size, Self.largestSize))
    }

    /// Zero bytes that follow so much content.
    static func padding(after size: UInt64) -> Int { Int((512 - size % 512) % 512) }

    private func block(_ name: String, type: UInt8, size: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Self.blockSize)
        func put(_ text: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in text.enumerated() { bytes[offset + index] = byte }
        }
        func octal(_ value: UInt64, digits: Int) -> [UInt8] {
            let text = String(value, radix: 8)
            return Array(String(repeating: "0", count: max(0, digits - text.utf8.count)).utf8)
                + text.utf8.suffix(digits)
        }
        put(Array(name.utf8.prefix(Self.longestName)), at: 0)
        put(octal(UInt64(mode & 0o7777), digits: 7), at: 100)
        // Numbers that the field cannot hold belong to no user that could own a data directory.
        put(octal(UInt64(min(owner, 0o7_777_777)), digits: 7), at: 108)
        put(octal(UInt64(min(group, 0o7_777_777)), digits: 7), at: 116)
        put(octal(size, digits: 11), at: 124)
        put(octal(UInt64(max(0, modified)), digits: 11), at: 136)
        bytes[156] = type
        put("ustar\u{0}00".utf8, at: 257)
        put("postgres".utf8, at: 265)
        put("postgres".utf8, at: 297)
        put(octal(Self.checksum(bytes), digits: 6) + [0, UInt8(ascii: " ")], at: 148)
        return bytes
    }

    /// The sum of all bytes, with spaces in place of the sum itself.
    static func checksum(_ block: [UInt8]) -> UInt64 {
        block.enumerated().reduce(0) { sum, item in
            sum + ((148..<156).contains(item.offset) ? 32 : UInt64(item.element))
        }
    }

    /// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
    private static func record(_ key: String, _ value: String) -> [UInt8] {
        let content = " \(key)=\(value)\n"
        var length = content.utf8.count
        while String(length).utf8.count + content.utf8.count != length {
            length = String(length).utf8.count + content.utf8.count
        }
        return Array("\(length)\(content)".utf8)
    }
}
