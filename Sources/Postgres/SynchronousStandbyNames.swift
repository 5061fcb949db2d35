import ClusterModel

/// `synchronous_standby_names` as text.
extension SynchronousSetting {
    /// In the list when it would be empty though commits shall wait: no member can have this name, which is none of a
    /// host, and PostgreSQL knows of no way to say "somebody, but nobody yet".
    static let nobody = "(nobody yet)"

    /// As the server takes it; empty: commits wait for nobody.
    package var standbyNames: String {
        guard required > 0 else { return "" }
        let names = members.isEmpty ? [Self.nobody] : members.map(\.rawValue)
        // Always quoted: unquoted, `any`, `first` and names with dashes mean something else or nothing.
        let list = names.map { "\"" + $0.replacing("\"", with: "\"\"") + "\"" }.joined(separator: ", ")
        return "ANY \(required) (\(list))"
    }

    /// nil: a form that is not ours (`FIRST`, a plain list, `*`), of which nothing is concluded.
    package init?(standbyNames text: String) {
        let trimmed = text.drop(while: \.isWhitespace)
        if trimmed.isEmpty { self = .none; return }
        guard trimmed.hasPrefix("ANY ") else { return nil }
        var rest = trimmed.dropFirst(4)
        let digits = rest.prefix { $0 != " " }
        rest = rest.dropFirst(digits.count)
        guard let required = Int(digits), required > 0, rest.hasPrefix(" ("), rest.hasSuffix(")") else { return nil }
        rest = rest.dropFirst(2).dropLast()
        var names: [MemberName] = []
        while !rest.isEmpty {
            guard let name = Self.takeQuoted(&rest) else { return nil }
            // The server matches every standby with it.
            guard name != "*" else { return nil }
            if name != Self.nobody { names.append(MemberName(name)) }
            if rest.hasPrefix(", ") { rest = rest.dropFirst(2) } else if !rest.isEmpty { return nil }
        }
        self.init(members: names, required: required)
    }

    private static func takeQuoted(_ text: inout Substring) -> String? {
        guard text.first == "\"" else { return nil }
        text = text.dropFirst()
        var name = ""
        while let character = text.popFirst() {
            guard character == "\"" else {
                name.append(character)
                continue
            }
            guard text.first == "\"" else { return name.isEmpty ? nil : name }
            text = text.dropFirst()
            name.append("\"")
        }
        return nil
    }
}
