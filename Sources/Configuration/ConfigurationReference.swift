/// The documentation of the configuration file, made from the same table as its validation.
package enum ConfigurationReference {
    /// A file with every key and its default, each with what it is for and what is allowed. It can be loaded as it is.
    package static var text: String {
        let head = """
            # Configuration of pgmahout: every key, its default and what is allowed.
            # Keys behind '# ' have no default, or one that depends on another key: take it away to set them.
            # An environment variable wins over the file; its name stands behind 'env'. Lists and mappings are
            # written there as in YAML: PGMAHOUT_POSTGRES_PARAMETERS='{shared_buffers: 64MB}'.
            # SIGHUP reads the file again; what is not marked 'applied at a reload' waits for the next start.
            # POD_NAME, POD_IP, POD_UID and POD_NAMESPACE come from Kubernetes' downward API.

            """
        var opened: Set<String> = [""]
        return head + Schema.sections.map { text(of: $0, opened: &opened) }.joined()
    }

    private static func text(of section: SchemaSection, opened: inout Set<String>) -> String {
        var lines: [String] = [""]
        let mark = section.isDispensable ? "# " : ""
        var depth = 0
        var path = ""
        for part in section.path.split(separator: ".") {
            path += path.isEmpty ? String(part) : "." + part
            let indentation = String(repeating: "  ", count: depth)
            if path == section.path { lines += comment(section.documentation, indentation) }
            if opened.insert(path).inserted { lines.append(indentation + mark + part + ":") }
            depth += 1
        }
        if section.path.isEmpty { lines += comment(section.documentation, "") }
        let indentation = String(repeating: "  ", count: depth)
        for key in section.keys { lines += text(of: key, in: section, indentation: indentation, mark: mark) }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func text(
        of key: SchemaKey, in section: SchemaSection, indentation: String, mark: String
    ) -> [String] {
        let entry = SchemaEntry(section: section, key: key)
        var documentation = key.documentation + "\n"
        documentation += "Allowed: \(key.allowed).\n"
        let (value, isGiven, note) = shown(key)
        documentation += "\(note); env \(entry.variable)\(key.isLive ? "; applied at a reload" : "")"
        let line = indentation + (isGiven ? mark : "# ") + key.name + ": " + value
        return [""] + comment(documentation, indentation) + [line]
    }

    /// The value to print, whether the line is active, and where the value comes from.
    private static func shown(_ key: SchemaKey) -> (value: String, isGiven: Bool, note: String) {
        switch key.fallback {
        case .required, .requiredList: (key.example, true, "Required")
        case .absent: (key.example, false, "Not set by default")
        case .text(let text): (text.hasPrefix(":") ? "\"\(text)\"" : text, true, "Default: \(text)")
        case .emptyList: (key.example, false, "Default: []")
        case .emptyMapping: (key.example, false, "Default: {}")
        case .variable(let name): (key.example, true, "Default: $\(name), required when that is not set")
        case .key(let path): (key.example, false, "Default: the value of \(path)")
        }
    }

    private static func comment(_ text: String, _ indentation: String) -> [String] {
        text.split(separator: "\n").map { indentation + "# " + $0 }
    }
}
