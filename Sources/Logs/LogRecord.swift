import Glibc

/// One message on its way to the output, wherever it came from.
struct LogRecord: Sendable {
    struct Field: Hashable, Sendable {
        enum Value: Hashable, Sendable {
            case text(String)
            /// A JSON number, `true` or `false`, as it is to be written.
            case literal(String)
        }

        var key: String
        var value: Value

        init(_ key: String, _ text: String) {
            self.key = key
            value = .text(text)
        }

        init(_ key: String, literal: String) {
            self.key = key
            value = .literal(literal)
        }
    }

    /// Milliseconds since 1970-01-01 00:00:00 UTC.
    var time: Int64
    /// As swift-log names it: `info`, `warning`, …
    var level: String
    var logger: String
    var message: String
    /// What tells this record from others; repeated on each line when it takes several.
    var identity: [Field] = []
    var fields: [Field] = []

    /// The present, in milliseconds since 1970-01-01 00:00:00 UTC.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// `2026-01-02T03:04:05.678Z`
    var timestamp: String { CivilTime(milliseconds: time).description }
}
