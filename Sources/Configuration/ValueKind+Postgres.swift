extension ValueKind where Value == [String] {
    /// Further arguments of a program, one each.
    static var arguments: ValueKind {
        list("a list of arguments of initdb, such as [\"--icu-locale=en\"]") { text in
            if let managed = ManagedSettings.reason(initdbOption: text) { return managed }
            return text.hasPrefix("-") && TextRules.isOneLine(text)
                ? nil : "an option in one piece, such as --option=value"
        }
    }

    /// Lines of pg_hba.conf.
    static var hbaLines: ValueKind {
        list("a list of lines of pg_hba.conf, such as [\"host all all 10.0.0.0/8 scram-sha-256\"]") { text in
            HostBasedAuthentication.problem(of: text)
        }
    }

    /// The same, each element once.
    static func uniqueList(
        _ allowed: String, problem: @escaping @Sendable (String) -> String?
    ) -> ValueKind {
        let kind = list(allowed, problem: problem)
        return ValueKind(allowed) { node in
            let reading = kind.read(node)
            guard case .value(let values) = reading, case .sequence(let items) = node.content else { return reading }
            let repeated = values.indices.filter { values[..<$0].contains(values[$0]) }
            guard !repeated.isEmpty else { return reading }
            return .mistakes(
                repeated.map {
                    ValueMistake(
                        place: items[$0].place, element: "[\($0)]", found: "found '\(values[$0])' again",
                        allowed: "each name once")
                })
        }
    }

    /// `allowed` of an element is what `problem` returns; nil is a good element.
    private static func list(
        _ allowed: String, problem: @escaping @Sendable (String) -> String?
    ) -> ValueKind {
        ValueKind(allowed) { node in
            guard case .sequence(let items) = node.content else {
                return .mistakes([ValueMistake(node, allowed: allowed)])
            }
            var values: [String] = []
            var mistakes: [ValueMistake] = []
            for (index, item) in items.enumerated() {
                guard case .scalar(let text) = item.content else {
                    mistakes.append(ValueMistake(item, element: "[\(index)]", allowed: "text"))
                    continue
                }
                if let problem = problem(text) {
                    mistakes.append(ValueMistake(item, element: "[\(index)]", allowed: problem))
                } else {
                    values.append(text)
                }
            }
            return mistakes.isEmpty ? .value(values) : .mistakes(mistakes)
        }
    }
}

extension ValueKind where Value == [String: String] {
    /// Settings for postgresql.conf, by name in lower case.
    static var parameters: ValueKind {
        let allowed = "a mapping of PostgreSQL settings, such as {shared_buffers: 64MB}"
        return ValueKind(allowed) { node in
            guard case .mapping(let entries) = node.content else {
                return .mistakes([ValueMistake(node, allowed: allowed)])
            }
            var values: [String: String] = [:]
            var mistakes: [ValueMistake] = []
            for entry in entries {
                let element = "." + entry.key
                let name = entry.key.lowercased()
                func mistake(_ place: ConfigurationError.Place, _ found: String, _ allowed: String) {
                    mistakes.append(ValueMistake(place: place, element: element, found: found, allowed: allowed))
                }
                if !isSettingName(name) {
                    mistake(entry.place, "found '\(entry.key)'", "names of settings are letters, digits, _ and one dot")
                } else if values[name] != nil {
                    mistake(entry.place, "found again in other letters", "each setting may stand only once")
                } else if case .scalar(let text) = entry.value.content, TextRules.isOneLine(text) {
                    if let reason = ManagedSettings.reason(parameter: name, value: text) {
                        mistake(entry.place, "found a setting that is managed", reason)
                    }
                    values[name] = text
                } else {
                    mistake(entry.value.place, entry.value.found, "a value on one line")
                }
            }
            return mistakes.isEmpty ? .value(values) : .mistakes(mistakes)
        }
    }

    private static func isSettingName(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        return (1...2).contains(parts.count)
            && parts.allSatisfy { part in
                guard let first = part.utf8.first, !TextRules.isDigit(first), part.utf8.count <= 63 else {
                    return false
                }
                return part.utf8.allSatisfy { TextRules.isLowerCaseOrDigit($0) || $0 == UInt8(ascii: "_") }
            }
    }
}
