import Archive
import ArgumentParser
import Configuration
import ObjectStorage

extension ArchiveCommand {
    /// What PID 1 runs to make the first member of a cluster that follows another one by its archive alone.
    struct Unpack: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unpack", abstract: "Bring the files of the newest backup of the followed cluster.",
            shouldDisplay: false)

        @OptionGroup var options: ConfigurationOptions

        @Option(help: ArgumentHelp("A directory that is missing or empty.", valueName: "directory"))
        var into: String

        func run() throws {
            let configuration = try options.load(checks: .textOnly)
            let settings = try ArchiveWiring(configuration).foreignSettings()
            let request = RestoreRequest(
                archive: settings.location, server: settings.server, targetDirectory: into,
                binDirectory: configuration.postgres.binDirectory, walClient: Programs.path("pgmahout-wal"),
                parallel: settings.parallel)
            do throws(RestoreError) {
                let outcome = try Archive.Restore.run(request, mode: .files)
                Console.error("backup \(outcome.backup.id) was unpacked")
            } catch {
                throw Failure(error.kind == .unavailable ? .unavailable : .failed, error.description)
            }
        }
    }
}
