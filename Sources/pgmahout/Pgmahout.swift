import Archive
import ArgumentParser
import Glibc

/// The command line. Parsing, wiring, exit codes and tables: what commands do is in the libraries.
@main
struct Pgmahout: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pgmahout",
        abstract: "Runs PostgreSQL as a highly available cluster: one pgmahout for each member.",
        discussion: ExitReason.help,
        subcommands: [
            Run.self, Status.self, Cluster.self, MemberCommand.self, Switchover.self, Pause.self, Resume.self,
            Backup.self, Restore.self, Drill.self, ArchiveCommand.self, Config.self, Version.self, Archiver.self,
            LogPump.self, WALFetchCommand.self, RetentionCommand.self, DumpCommand.self, JobCommand.self,
        ])

    /// Synchronous on purpose: an asynchronous main hands the main thread to a library that swallows signals.
    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            Console.error("pgmahout: \(failure.message)")
            Glibc.exit(failure.reason.rawValue)
        } catch {
            // The usual code for a wrong command line would tell a recovering server that the archive ends here.
            if CommandLine.arguments.dropFirst().first == WALFetchCommand.configuration.commandName {
                Console.error("pgmahout: \(fullMessage(for: error))")
                Glibc.exit(WALFetchOnce.ExitCode.unavailable)
            }
            exit(withError: error)
        }
    }
}
