import Logging

/// Turns swift-log's events into records.
struct LineLogHandler: LogHandler {
    private let label: String
    private let identity: [LogRecord.Field]
    private let write: @Sendable (LogRecord) -> Void
    /// nil: that of the process, which may change at any time.
    private var ownLevel: Logger.Level?
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String, member: String?, write: @escaping @Sendable (LogRecord) -> Void) {
        self.label = label
        identity = member.map { [LogRecord.Field("member", $0)] } ?? []
        self.write = write
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? Logs.currentLevel }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let given = event.metadata { all.merge(given) { $1 } }
        if let error = event.error { all["error"] = "\(error)" }
        let fields = all.sorted { $0.key < $1.key }.map { key, value in
            Self.field(ReservedKeys.all.contains(key) ? key + "_" : key, value)
        }
        write(
            LogRecord(
                time: LogRecord.now(), level: event.level.rawValue, logger: label,
                message: event.message.description, identity: identity, fields: fields))
    }

    private static func field(_ key: String, _ value: Logger.Metadata.Value) -> LogRecord.Field {
        switch value {
        case .stringConvertible(let value as any BinaryInteger): LogRecord.Field(key, literal: value.description)
        case .stringConvertible(let value as Double) where value.isFinite:
            LogRecord.Field(key, literal: value.description)
        case .stringConvertible(let value as Bool): LogRecord.Field(key, literal: value.description)
        default: LogRecord.Field(key, value.description)
        }
    }
}
