import ClusterModel
import Glibc
import Platform

extension Logs {
    /// Turns what postgres logs into lines of ours. A process of its own, so that no amount of it reaches PID 1.
    package enum PostgresLogPump {
        package struct Settings: Sendable {
            /// `postgres.json`, see ``PostgresLogFIFOs``; `postgres.log` beside it is read too.
            package var fifo: String
            package var member: String
            package var format: LogFormat
            /// Plain lines of the server's standard error; its end is the order to finish.
            package var lifeline: Int32
            package var output: Int32
            /// How long the server may be kept waiting by an output that nobody reads, before messages are dropped.
            package var patience: Duration

            package init(
                fifo: String, member: String, format: LogFormat = .json, lifeline: Int32 = STDIN_FILENO,
                output: Int32 = STDOUT_FILENO, patience: Duration = .seconds(1)
            ) {
                self.fifo = fifo
                self.member = member
                self.format = format
                self.lifeline = lifeline
                self.output = output
                self.patience = patience
            }
        }

        /// Runs until standard input ends; returns the exit code of the process.
        package static func run(fifo: String, member: String, format: LogFormat = .json) -> Int32 {
            Signals.ignore(SIGPIPE)
            return run(Settings(fifo: fifo, member: member, format: format))
        }

        /// Runs until the lifeline ends, and what was logged until then is written. 0, or 69 when a FIFO cannot be
        /// read.
        package static func run(_ settings: Settings) -> Int32 {
            do throws(SystemError) {
                let pump = try Pump(settings)
                pump.run()
                return 0
            } catch {
                let record = LogRecord(
                    time: LogRecord.now(), level: "error", logger: "pgmahout.log",
                    message: "postgres' log cannot be read: \(error)",
                    identity: [LogRecord.Field("member", settings.member)])
                for line in settings.format.lines(of: record) {
                    _ = line.withUnsafeBytes { write(settings.output, $0.baseAddress, $0.count) }
                }
                return EX_UNAVAILABLE
            }
        }
    }
}
