import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Glibc
import Logging
import Logs

/// What PID 1 starts beside the server. Standard input brings its orders, standard output its status: it logs on
/// standard error.
struct Archiver: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ship WAL: started by pgmahout run, with its orders on standard input.", shouldDisplay: false)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Only read the archive of the cluster that is followed.")
    var foreign = false

    func run() throws {
        let configuration = try options.load(checks: .textOnly)
        let wiring = ArchiveWiring(configuration)
        let settings = foreign ? try wiring.foreignSettings() : try wiring.settings()
        try Logs.bootstrap(
            format: configuration.log.format == .json ? .json : .text,
            level: Logger.Level(rawValue: configuration.log.level.rawValue) ?? .info,
            member: configuration.member.rawValue, descriptor: STDERR_FILENO)
        let log = Logger(label: "pgmahout.archiver")
        let code = ArchiverWorker.run(settings) { event in
            log.log(
                level: Self.level(event.level), "\(event.message)",
                metadata: event.file.map { ["file": "\($0)"] })
        }
        Logs.flush()
        throw ExitCode(code)
    }

    private static func level(_ level: ArchiverEvent.Level) -> Logger.Level {
        switch level {
        case .debug: .debug
        case .info: .info
        case .notice: .notice
        case .warning: .warning
        case .error: .error
        }
    }
}
