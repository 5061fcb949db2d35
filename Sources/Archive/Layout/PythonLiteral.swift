/// The part of Python's literals that Barman writes into `backup.info`.
enum PythonLiteral: Hashable, Sendable {
    case none
    case bool(Bool)
    case int(Int64)
    /// As text: nothing of ours computes with it.
    case float(String)
    case string(String)
    case list([PythonLiteral])
    case tuple([PythonLiteral])
    case dictionary([[PythonLiteral]])

    /// nil when the text is none of these.
    init?(_ text: some StringProtocol) {
        var parser = PythonLiteralParser(text)
        guard let value = parser.value(depth: 0), parser.isAtEnd else { return nil }
        self = value
    }

    /// As Python's `repr` writes it.
    var text: String {
        switch self {
        case .none: "None"
        case .bool(let value): value ? "True" : "False"
        case .int(let value): String(value)
        case .float(let text): text
        case .string(let value): Self.quote(value)
        case .list(let items): "[" + items.map(\.text).joined(separator: ", ") + "]"
        case .tuple(let items) where items.count == 1: "(" + items[0].text + ",)"
        case .tuple(let items): "(" + items.map(\.text).joined(separator: ", ") + ")"
        case .dictionary(let pairs):
            "{" + pairs.map { $0.map(\.text).joined(separator: ": ") }.joined(separator: ", ") + "}"
        }
    }

    private static func quote(_ value: String) -> String {
        // Python prefers single quotes, unless there are only single ones within.
        let mark: Character = value.contains("'") && !value.contains("\"") ? "\"" : "'"
        var quoted = String(mark)
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case "\\": quoted += "\\\\"
            case _ where Character(scalar) == mark: quoted += "\\" + String(mark)
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\x" + (digits.count < 2 ? "0" : "") + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + String(mark)
    }
}
