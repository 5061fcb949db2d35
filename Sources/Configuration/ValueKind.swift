/// How the text of one key becomes a value: the only reading of it, whether it came from the file or the environment.
struct ValueKind<Value: Sendable>: Sendable {
    /// What is allowed, for error messages and the reference: "a whole number from 1 to 65535".
    let allowed: String
    /// Returns the value, or the mistakes in it.
    let read: @Sendable (ConfigurationNode) -> ValueReading<Value>

    /// A value that is one scalar; `parse` returns nil for text that is not allowed.
    init(_ allowed: String, parse: @escaping @Sendable (String) -> Value?) {
        self.allowed = allowed
        read = { node in
            guard case .scalar(let text) = node.content, let value = parse(text) else {
                return .mistakes([ValueMistake(node, allowed: allowed)])
            }
            return .value(value)
        }
    }

    init(_ allowed: String, read: @escaping @Sendable (ConfigurationNode) -> ValueReading<Value>) {
        self.allowed = allowed
        self.read = read
    }
}

enum ValueReading<Value: Sendable>: Sendable {
    case value(Value)
    case mistakes([ValueMistake])
}

/// What is wrong with a value or with one element of it.
struct ValueMistake: Hashable, Sendable {
    let place: ConfigurationError.Place
    /// `[2]` or `.name` for an element, else empty.
    let element: String
    let found: String
    let allowed: String

    init(_ node: ConfigurationNode, element: String = "", allowed: String) {
        self.init(place: node.place, element: element, found: node.found, allowed: allowed)
    }

    init(place: ConfigurationError.Place, element: String, found: String, allowed: String) {
        self.place = place
        self.element = element
        self.found = found
        self.allowed = allowed
    }
}

extension ValueKind where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> ValueKind {
        ValueKind("a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            guard text.allSatisfy({ $0.isASCII && $0.isNumber }), let value = Int(text) else { return nil }
            return range.contains(value) ? value : nil
        }
    }

    static let port = integer(1...65535)
}

extension ValueKind where Value == Double {
    static func fraction(_ range: ClosedRange<Double>) -> ValueKind {
        ValueKind("a number from \(range.lowerBound) to \(range.upperBound)") { text in
            guard let value = Double(text), range.contains(value) else { return nil }
            return value
        }
    }
}

extension ValueKind where Value == Bool {
    static var flag: ValueKind {
        ValueKind("true or false") { text in
            switch text {
            case "true": true
            case "false": false
            default: nil
            }
        }
    }
}

extension ValueKind where Value == Duration {
    static func duration(_ range: ClosedRange<Duration>) -> ValueKind {
        let bounds = "from \(Quantities.text(range.lowerBound)) to \(Quantities.text(range.upperBound))"
        return ValueKind("a time \(bounds), such as 500ms, 6s or 2m") { text in
            guard let value = Quantities.duration(text), range.contains(value) else { return nil }
            return value
        }
    }
}

extension ValueKind where Value == UInt64 {
    static func bytes(_ range: ClosedRange<UInt64>) -> ValueKind {
        let bounds = "from \(Quantities.text(range.lowerBound)) to \(Quantities.text(range.upperBound))"
        return ValueKind("a size \(bounds), such as 512kB, 16MiB or 1GB (units of 1024)") { text in
            guard let value = Quantities.bytes(text), range.contains(value) else { return nil }
            return value
        }
    }

    /// What initdb takes for `--wal-segsize`.
    static var walSegmentSize: ValueKind {
        ValueKind("a power of two from 1MB to 1GB, such as 16MB") { text in
            guard let value = Quantities.bytes(text), (1 << 20...1 << 30).contains(value), value.nonzeroBitCount == 1
            else { return nil }
            return value
        }
    }
}

extension ValueKind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var choice: ValueKind {
        let names = Value.allCases.map(\.rawValue)
        let last = names.last ?? ""
        let allowed = names.count > 1 ? names.dropLast().joined(separator: ", ") + " or " + last : last
        return ValueKind(allowed) { Value(rawValue: $0) }
    }
}
