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

    /// FATAL of a session is its own end only: a wrong password, or a client that came while the server was starting.
    /// FATAL of the server's own processes says why it does not start, and must not be overlooked.
    func level(ofSession: Bool) -> String {
        switch self {
        case .fatal where ofSession: "error"
        case .debug, .debug1, .debug2, .debug3, .debug4, .debug5: "debug"
        case .log, .info, .notice: "info"
        case .warning: "warning"
        case .error: "error"
        case .fatal, .panic: "critical"
        }
    }
}
