/// Reads one JSON object of strings, numbers and literals, as PostgreSQL and our own programs write them to logs.
///
/// More lenient than a decoder: the text may end in the middle (a line that was cut), its bytes need not be UTF-8
/// (the server logs what clients send), and control characters may stand unescaped. Nested values become their text.
struct FlatJSON {
    private(set) var fields: [LogRecord.Field] = []
    /// False when the text ended before the object did.
    private(set) var isComplete = false

    private let bytes: ArraySlice<UInt8>
    private var index: Int

    /// nil when the text does not begin as an object, or is no JSON in the middle.
    init?(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
        guard readObject() else { return nil }
    }

    /// The text of a string or the spelling of a literal; nil when the key is not there.
    subscript(_ key: String) -> String? {
        for field in fields where field.key == key {
            switch field.value {
            case .text(let text), .literal(let text): return text
            }
        }
        return nil
    }

    private var current: UInt8? { index < bytes.endIndex ? bytes[index] : nil }

    private mutating func skipBlanks() {
        while let byte = current, [0x20, 0x09, 0x0a, 0x0d].contains(byte) { index += 1 }
    }

    /// False when the text is wrong; true, with `isComplete` false, when it only ends too early.
    private mutating func readObject() -> Bool {
        skipBlanks()
        guard current == UInt8(ascii: "{") else { return false }
        index += 1
        skipBlanks()
        if current == UInt8(ascii: "}") { return readEnd() }
        while true {
            skipBlanks()
            guard let first = current else { return true }
            guard first == UInt8(ascii: "\"") else { return false }
            let (key, keyEnded) = readString()
            skipBlanks()
            guard keyEnded, let colon = current else { return true }
            guard colon == UInt8(ascii: ":") else { return false }
            index += 1
            skipBlanks()
            guard let begin = current else { return true }
            guard let value = readValue(begin) else { return false }
            if let value { fields.append(value.named(key)) }
            skipBlanks()
            guard let separator = current else { return true }
            switch separator {
            case UInt8(ascii: ","): index += 1
            case UInt8(ascii: "}"): return readEnd()
            default: return false
            }
        }
    }

    /// Only blanks may follow the object.
    private mutating func readEnd() -> Bool {
        index += 1
        skipBlanks()
        isComplete = current == nil
        return isComplete
    }

    private enum Value {
        case text(String)
        case literal(String)

        func named(_ key: String) -> LogRecord.Field {
            switch self {
            case .text(let text): LogRecord.Field(key, text)
            case .literal(let literal): LogRecord.Field(key, literal: literal)
            }
        }
    }

    /// `.some(nil)` for null, and for a literal that the end of the text may have cut; nil for what is no value.
    private mutating func readValue(_ first: UInt8) -> Value?? {
        switch first {
        case UInt8(ascii: "\""): return .some(.text(readString().text))
        case UInt8(ascii: "{"), UInt8(ascii: "["): return .some(.text(readNested()))
        default:
            let begin = index
            while let byte = current, ![0x20, 0x09, 0x0a, 0x0d, 0x2c, 0x5d, 0x7d].contains(byte) { index += 1 }
            guard current != nil else { return .some(nil) }
            let spelling = String(decoding: bytes[begin..<index], as: UTF8.self)
            if spelling == "null" { return .some(nil) }
            guard Self.isLiteral(bytes[begin..<index]) else { return nil }
            return .some(.literal(spelling))
        }
    }

    private static func isLiteral(_ bytes: ArraySlice<UInt8>) -> Bool {
        if bytes.elementsEqual("true".utf8) || bytes.elementsEqual("false".utf8) { return true }
        // Integers in full; other numbers by their characters would let `1-2` pass into our own output.
        let digits = bytes.first == UInt8(ascii: "-") ? bytes.dropFirst() : bytes
        let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let areDigits = parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }
        return areDigits && (parts[0].count == 1 || parts[0].first != UInt8(ascii: "0"))
    }

    /// From an opening bracket to the one that closes it.
    private mutating func readNested() -> String {
        let begin = index
        var depth = 0
        while let byte = current {
            switch byte {
            case UInt8(ascii: "\""):
                _ = readString()
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            index += 1
            if depth == 0 { break }
        }
        return String(decoding: bytes[begin..<index], as: UTF8.self)
    }

    /// From the opening quote; what is no UTF-8 is replaced.
    private mutating func readString() -> (text: String, ended: Bool) {
        index += 1
        var text: [UInt8] = []
        while let byte = current {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return (String(decoding: text, as: UTF8.self), true)
            case UInt8(ascii: "\\"): text += readEscape()
            default: text.append(byte)
            }
        }
        return (String(decoding: text, as: UTF8.self), false)
    }

    /// What follows a backslash, as UTF-8.
    private mutating func readEscape() -> [UInt8] {
        guard let byte = current else { return [] }
        index += 1
        switch byte {
        case UInt8(ascii: "n"): return [0x0a]
        case UInt8(ascii: "r"): return [0x0d]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0c]
        case UInt8(ascii: "u"):
            guard let high = readHexadecimal() else { return [] }
            var units = [high]
            if UTF16.isLeadSurrogate(high), current == UInt8(ascii: "\\"), index + 1 < bytes.endIndex,
                bytes[index + 1] == UInt8(ascii: "u")
            {
                index += 2
                if let low = readHexadecimal() { units.append(low) }
            }
            return Array(String(decoding: units, as: UTF16.self).utf8)
        default: return [byte]
        }
    }

    private mutating func readHexadecimal() -> UInt16? {
        guard index + 4 <= bytes.endIndex else {
            index = bytes.endIndex
            return nil
        }
        defer { index += 4 }
        return UInt16(String(decoding: bytes[index..<(index + 4)], as: UTF8.self), radix: 16)
    }
}
