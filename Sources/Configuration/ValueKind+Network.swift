import ClusterModel

extension ValueKind where Value == String {
    /// `http://host:port` or `https://host`, with or without a path.
    static var serverURL: ValueKind {
        ValueKind("a URL such as https://10.96.0.1:443") { text in
            guard let url = ServerURL(text), !url.hasSuffix else { return nil }
            return text.hasSuffix("/") ? String(text.dropLast()) : text
        }
    }

    static var etcdPrefix: ValueKind {
        ValueKind("a key such as /pgmahout/") { text in
            TextRules.isOneLine(text) && text.hasPrefix("/") && text.utf8.count <= 512 ? text : nil
        }
    }

    /// Kubernetes' qualified name: `role`, `example.com/role`.
    static var labelKey: ValueKind {
        ValueKind("the name of a label, such as role or example.com/role") { text in
            let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
            guard let name = parts.last, parts.count <= 2, TextRules.isLabel(name) else { return nil }
            guard parts.count == 2 else { return text }
            return parts[0].split(separator: ".", omittingEmptySubsequences: false)
                .allSatisfy { TextRules.isName(String($0)) } ? text : nil
        }
    }

    static var labelValue: ValueKind {
        ValueKind("1 to 63 letters, digits, '-', '_' and '.' that begin and end with a letter or digit") {
            TextRules.isLabel($0) ? $0 : nil
        }
    }
}

extension ValueKind where Value == [String] {
    /// `http://host:port` or `https://host:port`, each once.
    static var endpoints: ValueKind {
        let one = "a URL with its port, such as https://10.0.0.1:2379"
        let allowed = "a list of URLs with ports, such as [\"https://10.0.0.1:2379\"]"
        return ValueKind(allowed) { node in
            guard case .sequence(let items) = node.content, !items.isEmpty else {
                return .mistakes([ValueMistake(node, allowed: allowed)])
            }
            var values: [String] = []
            var mistakes: [ValueMistake] = []
            for (index, item) in items.enumerated() {
                let element = "[\(index)]"
                guard case .scalar(let text) = item.content, let url = ServerURL(text), url.port != nil,
                    url.path.isEmpty, !url.hasSuffix
                else {
                    mistakes.append(ValueMistake(item, element: element, allowed: one))
                    continue
                }
                if values.contains(url.base) {
                    mistakes.append(
                        ValueMistake(
                            place: item.place, element: element, found: "found '\(text)' again",
                            allowed: "each endpoint once"))
                } else {
                    values.append(url.base)
                }
            }
            return mistakes.isEmpty ? .value(values) : .mistakes(mistakes)
        }
    }

    /// Names of physical slots.
    static var slotNames: ValueKind {
        uniqueList("a list of names of slots, such as [backup_tool]") { slotNameProblem($0) }
    }

    /// Names in certificates.
    static var certificateNames: ValueKind {
        uniqueList("a list of names in certificates, such as [admin]") { text in
            (1...255).contains(text.utf8.count) && TextRules.isOneLine(text) ? nil : "a name on one line"
        }
    }

    /// Logical slots, `name@database/plugin`.
    static var logicalSlots: ValueKind {
        uniqueList("a list of logical slots, such as [orders@app/pgoutput]") { text in
            guard let slot = LogicalSlot(text), TextRules.isOneLine(text), !slot.plugin.isEmpty,
                (1...63).contains(slot.database.utf8.count)
            else { return "name@database/plugin, such as orders@app/pgoutput" }
            return slotNameProblem(slot.name)
        }
    }

    private static func slotNameProblem(_ text: String) -> String? {
        let characters = text.utf8
        guard (1...63).contains(characters.count),
            characters.allSatisfy({ TextRules.isLowerCaseOrDigit($0) || $0 == UInt8(ascii: "_") })
        else { return "1 to 63 lower-case letters, digits and _" }
        return text.hasPrefix("pgmahout_") ? "another name: those that begin with pgmahout_ are the members'" : nil
    }
}

extension ValueKind where Value == Duration? {
    static func durationOrOff(_ range: ClosedRange<Duration>) -> ValueKind {
        let bounds = "from \(Quantities.text(range.lowerBound)) to \(Quantities.text(range.upperBound))"
        return ValueKind("a time \(bounds), such as 500ms or 6s, or off") { text in
            if text == "off" { return .some(nil) }
            guard let value = Quantities.duration(text), range.contains(value) else { return nil }
            return .some(value)
        }
    }
}

/// What may stand in a configuration of a URL: scheme, host, port, path.
struct ServerURL {
    let isSecure: Bool
    /// Nobody else can listen.
    let isLoopback: Bool
    let port: Int?
    /// Without a slash at the end; empty for none.
    let path: String
    /// Whether a query or a fragment follows.
    let hasSuffix: Bool
    /// Without path.
    let base: String

    init?(_ text: String) {
        let scheme = ["http://", "https://"].first { text.hasPrefix($0) }
        guard let scheme, TextRules.isOneLine(text), !text.contains(" "), text.utf8.count <= 1000 else { return nil }
        isSecure = scheme == "https://"
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        let tail = rest.dropFirst(authority.count)
        hasSuffix = tail.contains { $0 == "?" || $0 == "#" }
        path = tail.hasSuffix("/") ? String(tail.dropLast()) : String(tail)
        base = scheme + authority
        let host: Substring
        let after: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[authority.index(after: authority.startIndex)..<end]
            guard host.contains(":") else { return nil }
            after = authority[authority.index(after: end)...]
        } else {
            host = authority.prefix { $0 != ":" }
            after = authority.dropFirst(host.count)
        }
        guard TextRules.isHost(String(host)) else { return nil }
        isLoopback = host == "localhost" || host == "::1" || host.hasPrefix("127.")
        if after.isEmpty {
            port = nil
        } else {
            guard after.hasPrefix(":"), let number = UInt16(after.dropFirst()), number > 0, !after.contains("+") else {
                return nil
            }
            port = Int(number)
        }
    }
}
