import Yams

/// Turns YAML text into nodes with positions: the only file that knows the YAML library.
enum YAMLDocument {
    /// Nodes beyond this number are refused: aliases can make a small text grow without bound.
    private static let nodeLimit = 10_000

    /// What was read, and the mistakes that did not keep it from being read.
    struct Reading {
        var root: ConfigurationNode?
        var errors: [ConfigurationError] = []
    }

    /// `place` turns a line and a column into where an error points to.
    static func read(_ text: String, place: @escaping (Int, Int) -> ConfigurationError.Place) -> Reading {
        var reading = Reading()
        var source = RepeatedKeys(text)
        while true {
            do {
                // Without the rules that tell numbers from dates: every value is read as text here, and the rules'
                // regular expressions would stay in PID 1's memory.
                guard let node = try Yams.compose(yaml: source.text, .basic, .default, .utf8) else { return reading }
                var conversion = Conversion(place: place, repeated: source, remaining: nodeLimit)
                reading.root = conversion.convert(node, path: "")
                reading.errors += conversion.errors
                return reading
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let mark = context.mark
                guard source.hide(line: mark.line, column: mark.column) else {
                    reading.errors.append(
                        ConfigurationError(
                            place: place(mark.line, mark.column), key: names.joined(separator: ", "),
                            found: "found more than once", allowed: "each key may stand only once in its section"))
                    return reading
                }
            } catch {
                reading.errors.append(syntaxError(error, text: text, place: place))
                return reading
            }
        }
    }

    private static func syntaxError(
        _ error: any Error, text: String, place: (Int, Int) -> ConfigurationError.Place
    ) -> ConfigurationError {
        let position: (line: Int, column: Int)
        let problem: String
        switch error {
        case YamlError.scanner(let context, let message, let mark, _),
            YamlError.parser(let context, let message, let mark, _),
            YamlError.composer(let context, let message, let mark, _):
            position = (mark.line, mark.column)
            problem = context.map { "\($0.text) of line \($0.mark.line), \(message)" } ?? message
        case YamlError.reader(let message, let offset, _, _):
            let before = text.prefix(offset ?? 0)
            let lastLine = before.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).last ?? ""
            position = (before.count(where: \.isNewline) + 1, lastLine.unicodeScalars.count + 1)
            problem = message
        default:
            position = (1, 1)
            problem = "\(error)"
        }
        return ConfigurationError(
            place: place(position.line, position.column), key: "", found: "found no valid YAML: \(problem)",
            allowed: "correct the syntax here or just before")
    }
}

/// Text in which earlier ones of repeated keys are hidden.
///
/// The library stops at the first mapping with a repeated key. To go on and list the mistakes behind it, the first
/// letter of the key is replaced by a private character of the same width, and the text is read again.
private struct RepeatedKeys {
    private(set) var text: String
    private var hidden: [Unicode.Scalar: Unicode.Scalar] = [:]
    /// Private use area of Unicode: no file holds these, and YAML allows them in plain keys.
    private static let first: UInt32 = 0xE000
    private static let limit = 1000

    init(_ text: String) { self.text = text }

    /// False when the key that begins there cannot be hidden.
    mutating func hide(line: Int, column: Int) -> Bool {
        var scalars = Array(text.unicodeScalars)
        var index = 0
        var atLine = 1
        while atLine < line, index < scalars.count {
            // As the library counts lines: CR LF is one break.
            let isBreak =
                scalars[index] == "\n" || (scalars[index] == "\r" && !scalars[(index + 1)...].starts(with: ["\n"]))
            if isBreak { atLine += 1 }
            index += 1
        }
        index += column - 1
        if index < scalars.count, scalars[index] == "\"" || scalars[index] == "'" { index += 1 }
        guard index < scalars.count, hidden.count < Self.limit,
            scalars[index].properties.isAlphabetic || scalars[index] == "_",
            let mask = Unicode.Scalar(Self.first + UInt32(hidden.count))
        else { return false }
        hidden[mask] = scalars[index]
        scalars[index] = mask
        text = String(String.UnicodeScalarView(scalars))
        return true
    }

    /// The key as it was written, when it was hidden.
    func original(of key: String) -> String? {
        guard let mask = key.unicodeScalars.first, let letter = hidden[mask] else { return nil }
        return String(Character(letter)) + String(String.UnicodeScalarView(key.unicodeScalars.dropFirst()))
    }
}

/// From the library's nodes to ours.
private struct Conversion {
    let place: (Int, Int) -> ConfigurationError.Place
    let repeated: RepeatedKeys
    var remaining: Int
    var errors: [ConfigurationError] = []

    mutating func convert(_ node: Node, path: String) -> ConfigurationNode {
        let position = self.position(of: node)
        remaining -= 1
        if remaining == 0 {
            report(position, path, found: "found too many values", allowed: "use fewer values or aliases")
        }
        guard remaining > 0 else { return ConfigurationNode(place: position, content: .nothing) }
        switch node {
        case .scalar(let scalar):
            let isNothing = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return ConfigurationNode(place: position, content: isNothing ? .nothing : .scalar(scalar.string))
        case .sequence(let sequence):
            var items: [ConfigurationNode] = []
            for (index, item) in sequence.enumerated() { items.append(convert(item, path: "\(path)[\(index)]")) }
            return ConfigurationNode(place: position, content: .sequence(items))
        case .mapping(let mapping):
            return ConfigurationNode(place: position, content: .mapping(entries(of: mapping, path: path)))
        case .alias:
            report(position, path, found: "found an alias", allowed: "write the value out")
            return ConfigurationNode(place: position, content: .nothing)
        }
    }

    private mutating func entries(of mapping: Node.Mapping, path: String) -> [ConfigurationNode.Entry] {
        var entries: [ConfigurationNode.Entry] = []
        var firstLines: [String: Int] = [:]
        for (key, value) in mapping {
            let position = self.position(of: key)
            guard case .scalar(let scalar) = key else {
                report(
                    position, path, found: "found a key that is no word", allowed: "keys are words such as 'cluster'")
                continue
            }
            let hiddenName = repeated.original(of: scalar.string)
            let name = hiddenName ?? scalar.string
            let child = path.isEmpty ? name : "\(path).\(name)"
            if let line = firstLines[name] {
                report(
                    position, child, found: "found again, first in line \(line)",
                    allowed: "each key may stand only once in its section")
            }
            firstLines[name] = firstLines[name] ?? key.mark?.line
            if hiddenName == nil {
                entries.append(.init(key: name, place: position, value: convert(value, path: child)))
            }
        }
        return entries
    }

    private func position(of node: Node) -> ConfigurationError.Place {
        place(node.mark?.line ?? 1, node.mark?.column ?? 1)
    }

    private mutating func report(_ place: ConfigurationError.Place, _ key: String, found: String, allowed: String) {
        errors.append(ConfigurationError(place: place, key: key, found: found, allowed: allowed))
    }
}
