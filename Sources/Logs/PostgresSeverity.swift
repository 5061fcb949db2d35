/// The severities of PostgreSQL's messages, as `error_severity` in a JSON log and before the message in a plain one.
enum PostgresSeverity: String, CaseIterable {
    case debug1 = "DEBUG1"
    case debug2 = "DEBUG2"
    case debug3 = "DEBUG3"
    case debug4 = "DEBUG4"
    case debug5 = "DEBUG5"
    case debug = "DEBUG"
    case log = "LOG"
    case info = "INFO"
    case notice = "NOTICE"
    case warning = "WARNING"
    case error = "ERROR"
    case fatal = "FATAL"
    case panic = "PANIC"

    /// FATAL ends one session only, but what it says of a server that does not start must not be overlooked.
    var level: String {
        switch self {
        case .debug, .debug1, .debug2, .debug3, .debug4, .debug5: "debug"
        case .log, .info, .notice: "info"
        case .warning: "warning"
        case .error: "error"
        case .fatal, .panic: "critical"
        }
    }
}
