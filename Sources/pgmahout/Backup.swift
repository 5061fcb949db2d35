import Archive
import ArgumentParser
import ClusterModel
import Configuration
import ObjectStorage

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a base backup; list, show and verify those of the archive.",
        subcommands: [Create.self, List.self, Show.self, Verify.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a base backup of this member's server into its archive.",
            discussion: "Returns once the backup and the WAL that it needs are durable in the archive.")

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        @Option(help: "A name to find the backup by.")
        var name: String?

        @Flag(help: "Let the server spread its checkpoint, which takes longer and disturbs it less.")
        var spreadCheckpoint = false

        @Option(help: ArgumentHelp("How long the WAL may take to reach the archive.", valueName: "seconds"))
        var archiveWait: Int = 300

        func validate() throws {
            guard (1...86_400).contains(archiveWait) else {
                throw ValidationError("--archive-wait takes 1 to 86400 seconds")
            }
        }

        func run() throws {
            let wiring = ArchiveWiring(try options.load(checks: .textOnly))
            var request = BaseBackup.Options()
            request.name = name
            request.fastCheckpoint = !spreadCheckpoint
            request.archiveWait = .seconds(archiveWait)
            var progress = ProgressLine()
            defer { progress.end() }
            let backup: BackupInfo
            do {
                backup = try BaseBackup.take(
                    try wiring.settings(), connection: wiring.server(), options: request,
                    progress: { progress.show($0) })
            } catch let error as ArchiveError {
                progress.end()
                throw Failure(error)
            }
            progress.end()
            switch output.output {
            case .json: try Console.json(BackupTable.Entry(backup))
            case .table: Console.line(BackupTable([backup]).text)
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the backups of the archive, oldest first.")

        @OptionGroup var options: ArchiveOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let location = try options.location()
            let catalogue: BackupCatalogue
            do {
                catalogue = try BackupCatalogue.read(location.store(), location.layout)
            } catch {
                throw Failure(.unavailable, "the archive cannot be read: \(error)")
            }
            switch output.output {
            case .json: for backup in catalogue.backups { try Console.json(BackupTable.Entry(backup)) }
            case .table: Console.line(BackupTable(catalogue.backups).text)
            }
            for (id, reason) in catalogue.unreadable.sorted(by: { $0.key < $1.key }) {
                Console.error("pgmahout: backup \(id) cannot be used: \(reason)")
            }
        }
    }
}
