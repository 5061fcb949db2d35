import ClusterModel
import Glibc
import Logging
import Platform
import Synchronization

/// Where all that this process says goes: one line a message, and never a wait for it.
package enum Logs {
    private static let level = Atomic<Int>(Logger.Level.info.order)
    private static let output = Mutex<LineWriter?>(nil)

    /// Makes swift-log write to `descriptor`; once in a process. A second call is a mistake that swift-log traps.
    /// - Parameters:
    ///   - member: named in every line; nil before it is known, and in tools.
    ///   - descriptor: standard output for the service; tools, whose output is their result, take standard error.
    package static func bootstrap(
        format: LogFormat, level: Logger.Level, member: String?, descriptor: Int32 = STDOUT_FILENO
    ) throws(SystemError) {
        setLevel(level)
        let writer = try writer(descriptor: descriptor, format: format, member: member)
        output.withLock { $0 = writer }
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, member: member) { record in writer.write(format.lines(of: record)) }
        }
    }

    /// Takes effect at once, in all loggers that have no level of their own.
    package static func setLevel(_ level: Logger.Level) {
        self.level.store(level.order, ordering: .relaxed)
    }

    package static var currentLevel: Logger.Level {
        Logger.Level.allCases[level.load(ordering: .relaxed)]
    }

    /// Waits until all messages are written, for `limit` at most: call it before the process ends.
    @discardableResult
    package static func flush(within limit: Duration = .seconds(2)) -> Bool {
        output.withLock { $0 }?.flush(until: BootClock.now() + limit) ?? true
    }

    static func writer(descriptor: Int32, format: LogFormat, member: String?) throws(SystemError) -> LineWriter {
        try LineWriter(descriptor: descriptor) { count in
            format.lines(
                of: LogRecord(
                    time: LogRecord.now(), level: "warning", logger: "pgmahout.log",
                    message: "messages were dropped, because nobody read them in time",
                    identity: member.map { [LogRecord.Field("member", $0)] } ?? [],
                    fields: [LogRecord.Field("dropped", literal: String(count))]))
        }
    }
}

extension Logger.Level {
    /// Its place from the least to the most severe.
    fileprivate var order: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}
