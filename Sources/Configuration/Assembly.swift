import ClusterModel

/// Puts the configuration together key by key, and then looks at how the values go together.
struct Assembly {
    private let given: GivenValues
    private let environment: [String: String]
    private(set) var configuration = PgmahoutConfiguration()
    private(set) var errors: [ConfigurationError] = []
    /// Keys whose value was understood: only these are compared with each other.
    private var understood: Set<String> = []

    init(given: GivenValues, environment: [String: String]) {
        self.given = given
        self.environment = environment
        configuration.podUID = environment["POD_UID"] ?? ""
        configuration.podNamespace = environment["POD_NAMESPACE"]
        configuration.kubernetesService = Self.kubernetesService(environment)
    }

    /// As every pod is told where the API server is.
    private static func kubernetesService(_ environment: [String: String]) -> String? {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty else { return nil }
        let ports = ["KUBERNETES_SERVICE_PORT_HTTPS", "KUBERNETES_SERVICE_PORT"].compactMap { environment[$0] }
        let port = ports.first { !$0.isEmpty } ?? "443"
        return "https://" + (host.contains(":") ? "[\(host)]" : host) + ":" + port
    }

    /// Fills in every key and checks what the keys say together.
    mutating func run() {
        for section in Schema.sections where isWanted(section) {
            for key in section.keys { assign(SchemaEntry(section: section, key: key)) }
        }
        for relation in Relation.all where relation.keys.allSatisfy(understood.contains) {
            guard let mistake = relation.mistake(configuration) else { continue }
            report(place(of: relation), relation.key, found: mistake.found, allowed: mistake.allowed)
        }
    }

    /// Looks at the programs and secrets that the configuration names.
    mutating func check(_ files: ConfigurationFiles) {
        for check in FileCheck.all where understood.contains(check.key) {
            guard let path = check.path(configuration), let mistake = check.mistake(path, files) else { continue }
            report(place(of: check.key), check.key, found: mistake.found, allowed: mistake.allowed)
        }
    }

    private mutating func isWanted(_ section: SchemaSection) -> Bool {
        func isGiven(_ path: String) -> Bool {
            given.sections[path] != nil || given.values.keys.contains { $0.hasPrefix(path + ".") }
        }
        let isGiven = isGiven(section.path) || section.partOf.map(isGiven) ?? false
        guard let store = section.onlyFor else { return !section.isOptional || isGiven }
        // Which sections belong here is not known before the store is: the sections of stores come after its key.
        guard understood.contains("lease.store") else { return false }
        let chosen = configuration.lease.store
        if isGiven, store != chosen {
            report(
                placeOfFirst(in: section), section.path,
                found: "found settings of the store '\(store.rawValue)', but lease.store is '\(chosen.rawValue)'",
                allowed: "set lease.store to \(store.rawValue), or take them away")
        }
        return store == chosen
    }

    /// Where the section, or else the first of its keys, was given.
    private func placeOfFirst(in section: SchemaSection) -> ConfigurationError.Place {
        given.sections[section.path] ?? section.keys.lazy.compactMap { given.values[section.path(of: $0)]?.place }.first
            ?? place(of: section.path)
    }

    private mutating func assign(_ entry: SchemaEntry) {
        switch value(of: entry) {
        case .node(let node):
            switch entry.key.read(node) {
            case .value(let store):
                store(&configuration)
                understood.insert(entry.path)
            case .mistakes(let mistakes):
                for mistake in mistakes {
                    report(mistake.place, entry.path + mistake.element, found: mistake.found, allowed: mistake.allowed)
                }
            }
        case .absent: understood.insert(entry.path)
        case .missing(let hint):
            report(place(of: entry.path), entry.path, found: "missing", allowed: entry.key.allowed + hint)
        case .mistakenElsewhere: break
        }
    }

    private enum Source {
        case node(ConfigurationNode)
        case absent
        /// Required; the hint says where else it might come from.
        case missing(hint: String)
        /// It would be that of another key, which is reported itself.
        case mistakenElsewhere
    }

    private func value(of entry: SchemaEntry) -> Source {
        if let node = given.values[entry.path] { return .node(node) }
        func node(_ content: ConfigurationNode.Content) -> Source {
            .node(ConfigurationNode(place: place(of: entry.path), content: content))
        }
        switch entry.key.fallback {
        case .required, .requiredList: return .missing(hint: "")
        case .absent: return .absent
        case .text(let text): return node(.scalar(text))
        case .emptyList: return node(.sequence([]))
        case .emptyMapping: return node(.mapping([]))
        case .variable(let name):
            guard let text = environment[name] else {
                return .missing(hint: "; or set the environment variable \(name)")
            }
            return .node(ConfigurationNode(place: .environment(name), content: .scalar(text)))
        case .key(let path):
            guard let other = Schema.entry(at: path), case .node(let node) = value(of: other),
                case .value = other.key.read(node)
            else { return .mistakenElsewhere }
            return .node(node)
        }
    }

    /// Where the key stands, else where its section does, else the file.
    private func place(of path: String) -> ConfigurationError.Place {
        if let node = given.values[path] { return node.place }
        var section = path
        while let dot = section.lastIndex(of: ".") {
            section = String(section[..<dot])
            if let place = given.sections[section] { return place }
        }
        return given.sections[""] ?? .wholeFile(path: "configuration")
    }

    /// Where the key that is blamed was given; when it was not, where any other of the relation was.
    private func place(of relation: Relation) -> ConfigurationError.Place {
        let wanted = [relation.key] + relation.keys
        return place(of: wanted.first { given.values[$0] != nil } ?? relation.key)
    }

    private mutating func report(_ place: ConfigurationError.Place, _ key: String, found: String, allowed: String) {
        errors.append(ConfigurationError(place: place, key: key, found: found, allowed: allowed))
    }
}
