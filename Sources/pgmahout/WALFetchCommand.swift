import Archive
import ArgumentParser
import Glibc

/// What a prepared directory's `restore_command` runs. Slower than `pgmahout-wal`, which needs an archiver.
struct WALFetchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wal-fetch", abstract: "Fetch one WAL file: for the restore_command of a prepared directory.",
        shouldDisplay: false)

    @OptionGroup var archive: ArchiveOptions

    @Option(help: ArgumentHelp("How long an archive that does not answer is asked again.", valueName: "seconds"))
    var timeout = 300

    @Argument(help: "The file's name.")
    var name: String

    @Argument(help: "Where to put it.")
    var path: String

    /// Every way out but a delivered file and a confirmed absence ends with a code that stops the server: a recovery
    /// that ends early looks like success.
    func run() throws {
        do {
            let location = try archive.location()
            let found = try WALFetchOnce.fetch(
                name, to: path, from: location.store(), location.layout, patience: .seconds(timeout))
            if !found { Glibc.exit(WALFetchOnce.ExitCode.absent) }
        } catch let failure as Failure {
            Console.error("pgmahout: \(failure.message)")
            Glibc.exit(WALFetchOnce.ExitCode.unavailable)
        } catch {
            Console.error("pgmahout: \(error)")
            Glibc.exit(WALFetchOnce.ExitCode.unavailable)
        }
    }
}
