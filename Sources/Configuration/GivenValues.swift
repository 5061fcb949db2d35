/// What the file and the environment say, by the paths of the schema, before any value is understood.
struct GivenValues {
    private(set) var values: [String: ConfigurationNode] = [:]
    /// Sections that stand in the file, and where.
    private(set) var sections: [String: ConfigurationError.Place] = [:]
    private(set) var errors: [ConfigurationError] = []

    /// Takes a whole file.
    mutating func take(file root: ConfigurationNode) {
        take(root, section: "", at: root.place)
    }

    private mutating func take(_ node: ConfigurationNode, section path: String, at place: ConfigurationError.Place) {
        sections[path] = place
        switch node.content {
        case .nothing: break
        case .mapping(let entries):
            for entry in entries { take(entry, in: path) }
        case .scalar, .sequence:
            let names = Schema.names(in: path).joined(separator: ", ")
            report(node.place, path, found: node.found, allowed: "a section with the keys \(names)")
        }
    }

    private mutating func take(_ entry: ConfigurationNode.Entry, in section: String) {
        let path = section.isEmpty ? entry.key : "\(section).\(entry.key)"
        if Schema.entry(at: path) != nil {
            if entry.value.content != .nothing { values[path] = values[path] ?? entry.value }
        } else if Schema.isSection(path) {
            take(entry.value, section: path, at: entry.place)
        } else {
            report(entry.place, path, found: "found an unknown key", allowed: Self.suggestion(entry.key, in: section))
        }
    }

    /// The nearest name of the section, else the nearest of any section, else all that the section has.
    private static func suggestion(_ name: String, in section: String) -> String {
        let siblings = Schema.names(in: section)
        if let near = NearestName.find(name, among: siblings) { return "did you mean '\(near)'?" }
        let others = Schema.entries.filter { NearestName.find(name, among: [$0.key.name]) != nil }
        if let name = NearestName.find(name, among: others.map(\.key.name)),
            let entry = others.first(where: { $0.key.name == name })
        {
            return "did you mean '\(entry.path)'?"
        }
        return "known here are \(siblings.joined(separator: ", "))"
    }

    /// Takes our variables over what the file says.
    mutating func take(environment: [String: String]) {
        for (name, text) in environment where name.hasPrefix(Schema.variablePrefix) {
            if KubernetesServiceVariables.contains(name, value: text) { continue }
            guard let entry = Schema.entries.first(where: { $0.variable == name }) else {
                let near = NearestName.find(name, among: Schema.entries.map(\.variable))
                report(
                    .environment(name), "", found: "found an unknown variable",
                    allowed: near.map { "did you mean \($0)?" } ?? "pgmahout config reference lists all of them")
                continue
            }
            take(text, of: entry)
        }
    }

    private mutating func take(_ text: String, of entry: SchemaEntry) {
        let place = ConfigurationError.Place.environment(entry.variable)
        guard entry.key.isStructured else {
            values[entry.path] = ConfigurationNode(place: place, content: .scalar(text))
            return
        }
        let reading = YAMLDocument.read(text, place: { _, _ in place })
        guard reading.errors.isEmpty else {
            errors += reading.errors.map {
                ConfigurationError(place: $0.place, key: entry.path, found: $0.found, allowed: $0.allowed)
            }
            return
        }
        values[entry.path] = reading.root ?? ConfigurationNode(place: place, content: .nothing)
    }

    private mutating func report(_ place: ConfigurationError.Place, _ key: String, found: String, allowed: String) {
        errors.append(ConfigurationError(place: place, key: key, found: found, allowed: allowed))
    }
}
