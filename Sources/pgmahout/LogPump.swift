import ArgumentParser
import Logs

/// What PID 1 starts to merge the server's log into its own; ends with its standard input.
struct LogPump: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Merge the server's log: started by pgmahout run.", shouldDisplay: false)

    @Option(help: "The FIFO that the server's logging collector writes to.")
    var fifo: String

    @Option(help: "The member that the records are of.")
    var member: String

    @Option(
        help: "How records are written: json or text.",
        transform: { text in
            guard let format = LogFormat(rawValue: text) else {
                throw ValidationError("'\(text)' is neither json nor text")
            }
            return format
        })
    var format = LogFormat.json

    func run() throws {
        throw ExitCode(Logs.PostgresLogPump.run(fifo: fifo, member: member, format: format))
    }
}
