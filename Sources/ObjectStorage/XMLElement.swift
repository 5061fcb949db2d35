/// An element of what S3 services answer: names without namespaces, text, children. Attributes are skipped.
struct XMLElement: Hashable, Sendable {
    var name: String
    /// Of this element alone; with children: what stands between them.
    var text = ""
    var children: [XMLElement] = []

    init(name: String) { self.name = name }

    /// nil for anything but one whole, well-formed element: the answer was cut off, or is none of S3.
    init?(parsing bytes: [UInt8]) {
        var parser = XMLParser(rest: bytes[...])
        guard let root = parser.parseDocument() else { return nil }
        self = root
    }

    /// The first child of this name.
    subscript(_ name: String) -> XMLElement? { children.first { $0.name == name } }

    func all(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }

    /// The text of the first child of this name; nil when there is none.
    func text(_ name: String) -> String? { self[name]?.text }

    /// As content of an element.
    static func escape(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
    }
}

private struct XMLParser {
    var rest: ArraySlice<UInt8>

    private static let deepest = 16

    mutating func parseDocument() -> XMLElement? {
        guard skipMisc(), let root = parseElement(depth: 0), skipMisc(), rest.isEmpty else { return nil }
        return root
    }

    /// White space (stores send it ahead to keep connections alive), the declaration, comments. False when cut off.
    private mutating func skipMisc() -> Bool {
        // A byte order mark.
        if starts("\u{FEFF}") { rest = rest.dropFirst(3) }
        while true {
            rest = rest.drop(while: Self.isSpace)
            if starts("<?") {
                guard skip(past: "?>") else { return false }
            } else if starts("<!--") {
                guard skip(past: "-->") else { return false }
            } else if starts("<!") {
                guard skip(past: ">") else { return false }
            } else {
                return true
            }
        }
    }

    private mutating func parseElement(depth: Int) -> XMLElement? {
        guard depth < Self.deepest, let tag = openTag() else { return nil }
        var element = XMLElement(name: tag.name)
        if tag.isEmpty { return element }
        var text: [UInt8] = []
        while true {
            let run = rest.prefix { $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: "&") }
            text += run
            rest = rest.dropFirst(run.count)
            if starts("</") {
                rest = rest.dropFirst(2)
                let name = rest.prefix { $0 != UInt8(ascii: ">") }
                guard rest.count > name.count, Self.localName(name) == element.name else { return nil }
                rest = rest.dropFirst(name.count + 1)
                element.text = String(decoding: text, as: UTF8.self)
                return element
            }
            if starts("<![CDATA[") {
                guard let content = take(upTo: "]]>", after: 9) else { return nil }
                text += content
            } else if starts("<!--") {
                guard skip(past: "-->") else { return nil }
            } else if starts("<") {
                guard let child = parseElement(depth: depth + 1) else { return nil }
                element.children.append(child)
            } else {
                guard let character = entity() else { return nil }
                text += character
            }
        }
    }

    private mutating func openTag() -> (name: String, isEmpty: Bool)? {
        guard starts("<") else { return nil }
        // Values of attributes may contain what ends a tag.
        var quote: UInt8?
        let end = rest.firstIndex { byte in
            if let open = quote {
                if byte == open { quote = nil }
                return false
            }
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") { quote = byte }
            return byte == UInt8(ascii: ">")
        }
        guard let end else { return nil }
        let tag = rest[rest.index(after: rest.startIndex)..<end]
        rest = rest[rest.index(after: end)...]
        let name = Self.localName(tag.prefix { !Self.isSpace($0) && $0 != UInt8(ascii: "/") })
        return name.isEmpty ? nil : (name, tag.last == UInt8(ascii: "/"))
    }

    private mutating func entity() -> [UInt8]? {
        guard starts("&"), let content = take(upTo: ";", after: 1), content.count <= 10 else { return nil }
        let name = String(decoding: content, as: UTF8.self)
        switch name {
        case "amp": return [UInt8(ascii: "&")]
        case "lt": return [UInt8(ascii: "<")]
        case "gt": return [UInt8(ascii: ">")]
        case "quot": return [UInt8(ascii: "\"")]
        case "apos": return [UInt8(ascii: "'")]
        default:
            let digits = name.dropFirst()
            guard name.hasPrefix("#"),
                let code = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits),
                let scalar = Unicode.Scalar(code)
            else { return nil }
            return Array(String(Character(scalar)).utf8)
        }
    }

    private func starts(_ text: String) -> Bool { rest.starts(with: text.utf8) }

    private mutating func skip(past text: String) -> Bool { take(upTo: text, after: 0) != nil }

    /// What stands between here plus `offset` and `text`; goes on behind `text`.
    private mutating func take(upTo text: String, after offset: Int) -> ArraySlice<UInt8>? {
        let mark = Array(text.utf8)
        var position = rest.startIndex + offset
        while position + mark.count <= rest.endIndex {
            if rest[position...].starts(with: mark) {
                defer { rest = rest[(position + mark.count)...] }
                return rest[(rest.startIndex + offset)..<position]
            }
            position += 1
        }
        return nil
    }

    private static func localName(_ bytes: ArraySlice<UInt8>) -> String {
        let trimmed = bytes.prefix { !isSpace($0) }
        return String(decoding: trimmed.split(separator: UInt8(ascii: ":")).last ?? [], as: UTF8.self)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { [0x20, 0x09, 0x0A, 0x0D].contains(byte) }
}
