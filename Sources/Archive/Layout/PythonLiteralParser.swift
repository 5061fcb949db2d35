/// Reads one Python literal from the front of a text.
struct PythonLiteralParser {
    private var rest: Substring.UnicodeScalarView

    /// Deeper than anything Barman writes; bounds the recursion over a hostile file.
    private static let deepest = 16

    init(_ text: some StringProtocol) {
        rest = Substring(text).unicodeScalars
        skipSpace()
    }

    var isAtEnd: Bool { rest.isEmpty }

    /// nil when there is no well-formed literal.
    mutating func value(depth: Int) -> PythonLiteral? {
        guard depth <= Self.deepest, let first = rest.first else { return nil }
        defer { skipSpace() }
        switch first {
        case "'", "\"": return string(mark: first).map(PythonLiteral.string)
        case "[": return items(until: "]", depth: depth).map(PythonLiteral.list)
        case "(": return items(until: ")", depth: depth).map(PythonLiteral.tuple)
        case "{": return pairs(depth: depth).map(PythonLiteral.dictionary)
        default: return word()
        }
    }

    private mutating func word() -> PythonLiteral? {
        let word = String(String.UnicodeScalarView(rest.prefix { !",:]}) \n\t".unicodeScalars.contains($0) }))
        rest.removeFirst(word.unicodeScalars.count)
        switch word {
        case "None": return PythonLiteral.none
        case "True": return .bool(true)
        case "False": return .bool(false)
        default:
            if let value = Int64(word) { return .int(value) }
            return Double(word) == nil ? nil : .float(word)
        }
    }

    private mutating func items(until end: Unicode.Scalar, depth: Int) -> [PythonLiteral]? {
        rest.removeFirst()
        skipSpace()
        var found: [PythonLiteral] = []
        while !skip(end) {
            guard let item = value(depth: depth + 1) else { return nil }
            found.append(item)
            guard skip(",") || rest.first == end else { return nil }
        }
        return found
    }

    private mutating func pairs(depth: Int) -> [[PythonLiteral]]? {
        rest.removeFirst()
        skipSpace()
        var found: [[PythonLiteral]] = []
        while !skip("}") {
            guard let key = value(depth: depth + 1), skip(":"), let value = value(depth: depth + 1) else { return nil }
            found.append([key, value])
            guard skip(",") || rest.first == "}" else { return nil }
        }
        return found
    }

    private mutating func string(mark: Unicode.Scalar) -> String? {
        rest.removeFirst()
        var content = String.UnicodeScalarView()
        while let scalar = rest.popFirst() {
            switch scalar {
            case mark: return String(content)
            case "\\":
                guard let unescaped = escape() else { return nil }
                content.append(unescaped)
            default: content.append(scalar)
            }
        }
        return nil
    }

    private mutating func escape() -> Unicode.Scalar? {
        switch rest.popFirst() {
        case "n": "\n"
        case "r": "\r"
        case "t": "\t"
        case "\\": "\\"
        case "'": "'"
        case "\"": "\""
        case "x": hexadecimal(2)
        case "u": hexadecimal(4)
        case "U": hexadecimal(8)
        default: nil
        }
    }

    private mutating func hexadecimal(_ count: Int) -> Unicode.Scalar? {
        let digits = String(String.UnicodeScalarView(rest.prefix(count)))
        guard digits.count == count, digits.allSatisfy(\.isHexDigit) else { return nil }
        rest.removeFirst(count)
        return UInt32(digits, radix: 16).flatMap(Unicode.Scalar.init)
    }

    private mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
        guard rest.first == scalar else { return false }
        rest.removeFirst()
        skipSpace()
        return true
    }

    private mutating func skipSpace() {
        while let first = rest.first, first == " " || first == "\t" || first == "\n" { rest.removeFirst() }
    }
}
