/// PostgreSQL's own log in our form.
enum PostgresRecord {
    static let logger = "postgres"

    /// A line of a JSON log, or one that a program of ours wrote where the server's log goes; anything else that
    /// looks like JSON becomes a message as it stands.
    static func record(jsonLine line: ArraySlice<UInt8>, member: String) -> LogRecord {
        guard let object = FlatJSON(line) else { return plain(line, member: member) }
        if object["error_severity"] != nil { return record(server: object, member: member) }
        if let record = record(own: object, member: member) { return record }
        return plain(line, member: member)
    }

    /// A line without a known form.
    static func plain(_ line: some Collection<UInt8>, member: String) -> LogRecord {
        LogRecord(
            time: LogRecord.now(), level: "info", logger: logger, message: String(decoding: line, as: UTF8.self),
            identity: [LogRecord.Field("member", member)])
    }

    /// jsonlog, PostgreSQL 15 and later: https://www.postgresql.org/docs/current/runtime-config-logging.html
    private static func record(server object: FlatJSON, member: String) -> LogRecord {
        let severity = object["error_severity"].flatMap { PostgresSeverity(rawValue: $0) }
        let isSession = ["client backend", "walsender"].contains(object["backend_type"] ?? "")
        let time = object["timestamp"].flatMap { CivilTime(postgres: $0) }?.milliseconds
        var record = LogRecord(
            time: time ?? LogRecord.now(), level: severity?.level(ofSession: isSession) ?? "info", logger: logger,
            message: object["message"] ?? "", identity: [LogRecord.Field("member", member)])
        for field in object.fields {
            switch field.key {
            case "message": break
            // Kept when it could not be understood.
            case "timestamp": if time == nil { record.fields.append(field) }
            case "session_id", "line_num": record.identity.append(field)
            // Where the server counts as unknown what it has not: noise on every line.
            case "txid", "query_id", "leader_pid":
                if field.value != .literal("0") { record.fields.append(field) }
            default: record.fields.append(renamed(field))
            }
        }
        return record
    }

    /// A line in the form that we write ourselves.
    private static func record(own object: FlatJSON, member: String) -> LogRecord? {
        guard let message = object["msg"], let level = object["level"], knownLevels.contains(level) else { return nil }
        var record = LogRecord(
            time: LogRecord.now(), level: level, logger: object["logger"] ?? logger, message: message,
            identity: [LogRecord.Field("member", object["member"] ?? member)])
        record.fields = object.fields.filter { !["ts", "level", "logger", "msg", "member"].contains($0.key) }
        return record
    }

    /// A key of the server's must not repeat one of ours.
    private static func renamed(_ field: LogRecord.Field) -> LogRecord.Field {
        guard ReservedKeys.all.contains(field.key) else { return field }
        var field = field
        field.key += "_"
        return field
    }

    private static let knownLevels: Set = ["trace", "debug", "info", "notice", "warning", "error", "critical"]
}
