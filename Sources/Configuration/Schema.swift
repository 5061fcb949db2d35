/// All keys: parsing, defaults, validation, names of variables, suggestions and the reference are made from this table.
enum Schema {
    /// In the order of the reference; a section stands after the one that contains it.
    static let sections: [SchemaSection] =
        memberSections + postgresSections + storageSections + leaseSections + leadershipSections
        + archiveSections + standbyClusterSections

    static let entries: [SchemaEntry] = sections.flatMap { section in
        section.keys.map { SchemaEntry(section: section, key: $0) }
    }

    static let variablePrefix = "PGMAHOUT_"

    /// `postgres.binDirectory` is `PGMAHOUT_POSTGRES_BIN_DIRECTORY`, `divergedWAL.keep` is `PGMAHOUT_DIVERGED_WAL_KEEP`,
    /// `accessKeyIDFile` ends in `ACCESS_KEY_ID_FILE`.
    static func variable(of path: String) -> String {
        var name = variablePrefix
        let characters = Array(path)
        for (index, character) in characters.enumerated() {
            if character == "." {
                name.append("_")
                continue
            }
            if character.isUppercase {
                let previous = index > 0 ? characters[index - 1] : "."
                let next = index + 1 < characters.count ? characters[index + 1] : "."
                if !previous.isUppercase || next.isLowercase { name.append("_") }
            }
            name += character.uppercased()
        }
        return name
    }

    /// Whether keys stand below the path; `bootstrap` is one that has no key directly in it.
    static func isSection(_ path: String) -> Bool {
        sections.contains { $0.path == path || $0.path.hasPrefix(path + ".") }
    }

    static func entry(at path: String) -> SchemaEntry? { entries.first { $0.path == path } }

    /// Names that may stand directly in the section: keys and sections.
    static func names(in path: String) -> [String] {
        let prefix = path.isEmpty ? "" : path + "."
        let paths = entries.map(\.path) + sections.map(\.path)
        var names: [String] = []
        for candidate in paths where candidate.hasPrefix(prefix) && candidate != path {
            let name = String(candidate.dropFirst(prefix.count).prefix { $0 != "." })
            if !name.isEmpty, !names.contains(name) { names.append(name) }
        }
        return names
    }
}
