/// One key of the configuration: everything that is to be known about it stands here once.
struct SchemaKey: Sendable {
    /// Where the value comes from when nobody gave one.
    enum Fallback: Hashable, Sendable {
        /// Somebody has to give it.
        case required
        /// The same, for a list.
        case requiredList
        /// It may be absent.
        case absent
        /// Text as it would stand in the file.
        case text(String)
        case emptyList
        case emptyMapping
        /// A variable that Kubernetes' downward API sets; required when that is not set either.
        case variable(String)
        /// The value of another key, by its path.
        case key(String)
    }

    /// Name within its section.
    let name: String
    let allowed: String
    let fallback: Fallback
    /// For the reference, where there is no default to show.
    let example: String
    /// What it is for: one or two sentences.
    let documentation: String
    /// Whether a change applies to a running member; others wait for its next start.
    let isLive: Bool
    /// Reads a value and returns how to store it, or the mistakes in it.
    let read: @Sendable (ConfigurationNode) -> ValueReading<Assignment>
    /// Whether two configurations say the same here.
    let isEqual: @Sendable (PgmahoutConfiguration, PgmahoutConfiguration) -> Bool
    /// Takes the value over from another configuration.
    let copy: @Sendable (_ source: PgmahoutConfiguration, _ target: inout PgmahoutConfiguration) -> Void

    /// Lists and mappings are written as YAML in the environment too.
    var isStructured: Bool { [.requiredList, .emptyList, .emptyMapping].contains(fallback) }

    typealias Assignment = @Sendable (inout PgmahoutConfiguration) -> Void

    /// - Parameters:
    ///   - load: nil when the key's section, or its value, is absent.
    ///   - clear: takes the value away; for keys that are live and may be absent.
    init<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, fallback: Fallback, example: String, isLive: Bool,
        _ documentation: String, load: @escaping @Sendable (PgmahoutConfiguration) -> Value?,
        store: @escaping @Sendable (Value, inout PgmahoutConfiguration) -> Void,
        clear: @escaping @Sendable (inout PgmahoutConfiguration) -> Void = { _ in }
    ) {
        self.name = name
        self.fallback = fallback
        self.example = example
        self.isLive = isLive
        self.documentation = documentation
        allowed = kind.allowed
        read = { node in
            switch kind.read(node) {
            case .value(let value): .value({ store(value, &$0) })
            case .mistakes(let mistakes): .mistakes(mistakes)
            }
        }
        isEqual = { load($0) == load($1) }
        copy = { source, target in
            if let value = load(source) { store(value, &target) } else { clear(&target) }
        }
    }

    init<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, fallback: Fallback = .required, example: String = "",
        isLive: Bool = false, into path: any WritableKeyPath<PgmahoutConfiguration, Value> & Sendable,
        _ documentation: String
    ) {
        self.init(
            name, kind, fallback: fallback, example: example, isLive: isLive, documentation,
            load: { $0[keyPath: path] }, store: { $1[keyPath: path] = $0 })
    }

    /// A key that may be absent.
    init<Value: Equatable>(
        _ name: String, _ kind: ValueKind<Value>, example: String, isLive: Bool = false,
        intoOptional path: any WritableKeyPath<PgmahoutConfiguration, Value?> & Sendable, _ documentation: String
    ) {
        self.init(
            name, kind, fallback: .absent, example: example, isLive: isLive, documentation,
            load: { $0[keyPath: path] }, store: { $1[keyPath: path] = $0 }, clear: { $0[keyPath: path] = nil })
    }
}

/// A mapping in the file and its keys.
struct SchemaSection: Sendable {
    /// Dotted; empty for the top of the file.
    let path: String
    let documentation: String
    /// An optional section that is not given at all is no mistake, whatever it requires.
    var isOptional = false
    /// The section belongs to this store, and is a mistake when another is chosen.
    var onlyFor: PgmahoutConfiguration.Lease.Store?
    /// An optional section that is filled with its defaults whenever this one is given.
    var partOf: String?
    let keys: [SchemaKey]

    /// Whether a file that says nothing of it is complete: the reference shows it behind `# `.
    var isDispensable: Bool { isOptional || (onlyFor.map { $0 != .file } ?? false) }

    func path(of key: SchemaKey) -> String { path.isEmpty ? key.name : "\(path).\(key.name)" }
}

/// A key with its full name in the file and in the environment.
struct SchemaEntry: Sendable {
    let section: SchemaSection
    let key: SchemaKey
    var path: String { section.path(of: key) }
    var variable: String { Schema.variable(of: path) }
}
