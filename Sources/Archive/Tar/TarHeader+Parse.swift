/// What is wrong with a tar archive.
struct TarError: Error, Hashable, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension TarHeader {
    /// Type bytes of blocks that only say something about the entry behind them.
    enum Extension: UInt8 {
        case pax = 0x78  // x
        case paxGlobal = 0x67  // g
        case gnuLongName = 0x4C  // L
        case gnuLongLink = 0x4B  // K
    }

    /// - Parameter block: 512 bytes.
    static func parse(_ block: [UInt8]) throws(TarError) -> (header: TarHeader, type: UInt8) {
        guard let sum = number(block[148..<156]), sum == checksum(block) else {
            throw TarError("an entry of the tar archive is damaged")
        }
        guard let size = number(block[124..<136]), let mode = number(block[100..<108]) else {
            throw TarError("an entry of the tar archive has impossible numbers")
        }
        var name = text(block[0..<100])
        // Only POSIX' own format has a prefix there; GNU has times.
        if block[257..<263].elementsEqual("ustar\u{0}".utf8) {
            let prefix = text(block[345..<500])
            if !prefix.isEmpty { name = prefix + "/" + name }
        }
        let type = block[156]
        let kind: Kind =
            switch type {
            case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): name.hasSuffix("/") ? .directory : .file
            case UInt8(ascii: "5"): .directory
            default: .other(type)
            }
        let header = TarHeader(
            name: name, kind: kind, mode: UInt32(truncatingIfNeeded: mode & 0o7777),
            owner: UInt32(truncatingIfNeeded: number(block[108..<116]) ?? 0),
            group: UInt32(truncatingIfNeeded: number(block[116..<124]) ?? 0), size: size,
            modified: Int64(clamping: number(block[136..<148]) ?? 0))
        return (header, type)
    }

    /// Takes extended attributes over: path and size; others mean nothing to us.
    mutating func apply(pax records: [UInt8]) throws(TarError) {
        var rest = records[...]
        while let space = rest.firstIndex(of: UInt8(ascii: " ")) {
            guard let length = Int(String(decoding: rest[..<space], as: UTF8.self)), length <= rest.count,
                length > space - rest.startIndex + 1
            else { throw TarError("an extended header of the tar archive is damaged") }
            let record = rest[rest.index(after: space)..<rest.startIndex + length].dropLast()
            rest = rest.dropFirst(length)
            guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = String(decoding: record[record.index(after: equals)...], as: UTF8.self)
            switch String(decoding: record[..<equals], as: UTF8.self) {
            case "path": name = value
            case "size":
                guard let number = UInt64(value) else { throw TarError("a size in the tar archive is no number") }
                size = number
            default: break
            }
        }
    }

    /// The name as a path below the directory that is unpacked into; nil for that directory itself. Throws for a name
    /// that leads anywhere else.
    func relativePath() throws(TarError) -> String? {
        let parts = name.split(separator: "/").filter { $0 != "." }
        guard !name.hasPrefix("/"), !parts.contains(".."), !name.utf8.contains(0) else {
            throw TarError("the tar archive has an entry outside of its directory: '\(name)'")
        }
        return parts.isEmpty ? nil : parts.joined(separator: "/")
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// Octal digits, or GNU's binary form of large numbers.
    private static func number(_ field: ArraySlice<UInt8>) -> UInt64? {
        if let first = field.first, first & 0x80 != 0 {
            guard field.dropFirst().dropLast(8).allSatisfy({ $0 == 0 }) else { return nil }
            return field.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        }
        let digits = text(field).split(separator: " ").joined()
        return digits.isEmpty ? 0 : UInt64(digits, radix: 8)
    }
}
