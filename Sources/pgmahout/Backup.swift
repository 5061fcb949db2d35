import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Glibc
import ObjectStorage
import Platform

struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a base backup; list, show, verify, keep and delete those of the archive.",
        subcommands: [Create.self, List.self, Show.self, Verify.self, Keep.self, Delete.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a base backup of this member's server into its archive.",
            discussion: "Returns once the backup and the WAL that it needs are durable in the archive.")

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        @OptionGroup var rate: RateOption

        @Option(help: "A name to find the backup by.")
        var name: String?

        @Option(help: "Which kind of server it may be taken from: any, primary or standby; another is refused.")
        var from = BaseBackup.Options.Source.any

        @Option(help: "How many parts are written at once. Default: archive.parallel of the configuration.")
        var parallel: Int?

        @Flag(help: "Take a backup although pages have wrong checksums; it says so.")
        var keepCorruptPages = false

        @Flag(help: "Let the server spread its checkpoint, which takes longer and disturbs it less.")
        var spreadCheckpoint = false

        @Option(help: ArgumentHelp("How long the WAL may take to reach the archive.", valueName: "seconds"))
        var archiveWait: Int = 300

        func validate() throws {
            guard (1...86_400).contains(archiveWait) else {
                throw ValidationError("--archive-wait takes 1 to 86400 seconds")
            }
            guard parallel.map({ (1...64).contains($0) }) ?? true else {
                throw ValidationError("--parallel takes 1 to 64")
            }
        }

        func run() throws {
            let configuration = try options.load(checks: .textOnly)
            let wiring = ArchiveWiring(configuration)
            var settings = try wiring.settings()
            if let parallel { settings.parallel = parallel }
            var request = BaseBackup.Options()
            request.name = name
            request.member = configuration.member.rawValue
            request.source = from
            request.rate = rate.bytesPerSecond
            request.keepsCorruptPages = keepCorruptPages
            request.fastCheckpoint = !spreadCheckpoint
            request.archiveWait = .seconds(archiveWait)
            var progress = ProgressLine()
            defer { progress.end() }
            var signals: Int32?
            let backup: BackupInfo
            do {
                backup = try BaseBackup.take(
                    settings, connection: wiring.server(), options: request,
                    progress: {
                        // Before, nothing has been stored that somebody would have to remove.
                        if signals == nil, $0.phase == "copying" { signals = try? Signals.install([SIGINT, SIGTERM]) }
                        progress.show($0)
                    }, isInterrupted: { signals.map { !Signals.pending($0).isEmpty } ?? false })
            } catch {
                progress.end()
                throw Failure(error)
            }
            progress.end()
            for page in backup.corruptPages { Console.error("pgmahout: wrong checksum: \(page)") }
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
            var running: BackupLock.Holder?
            do {
                let store = try location.store()
                // A lock that cannot be read says nothing about the backups that are there.
                running = try? BackupLock.current(store, location.layout)
                catalogue = try BackupCatalogue.read(store, location.layout)
            } catch {
                throw Failure(.unavailable, "the archive cannot be read: \(error)")
            }
            switch output.output {
            case .json: for backup in catalogue.backups { try Console.json(BackupTable.Entry(backup)) }
            case .table:
                if catalogue.backups.contains(where: { $0.id == running?.backupID }) { running = nil }
                Console.line(BackupTable(catalogue.backups, running: running).text)
            }
            for (id, reason) in catalogue.unreadable.sorted(by: { $0.key < $1.key }) {
                Console.error("pgmahout: backup \(id) cannot be used: \(reason)")
            }
        }
    }
}

extension BaseBackup.Options.Source: ExpressibleByArgument {}
