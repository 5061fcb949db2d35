/// What the exit code says: the codes of sysexits.h where there is one.
enum ExitReason: Int32, CaseIterable {
    case success = 0
    case failed = 1
    case usage = 64
    case dataRefused = 65
    case unavailable = 69
    case `internal` = 70
    case notPermitted = 77
    case configuration = 78

    var meaning: String {
        switch self {
        case .success: "done"
        case .failed: "not done: the message says why"
        case .usage: "the command line is wrong"
        case .dataRefused: "the data directory is refused, and left untouched"
        case .unavailable: "a member or the archive cannot be reached"
        case .internal: "a defect of pgmahout"
        case .notPermitted: "a token is missing or wrong, or the user may not do this"
        case .configuration: "the configuration has mistakes; all of them are listed"
        }
    }

    static var help: String {
        let lines = allCases.map { reason in
            let code = String(reason.rawValue)
            return "  " + String(repeating: " ", count: 2 - code.count) + code + "  " + reason.meaning
        }
        return "EXIT CODES:\n" + lines.joined(separator: "\n")
    }
}

/// Ends the command with a message on standard error and an exit code.
struct Failure: Error, Equatable {
    let reason: ExitReason
    let message: String
    /// Of WAL, if it were done by force; nil when force would not help.
    let wouldLoseBytes: UInt64?

    init(_ reason: ExitReason, _ message: String, wouldLoseBytes: UInt64? = nil) {
        self.reason = reason
        self.message = message
        self.wouldLoseBytes = wouldLoseBytes
    }
}
