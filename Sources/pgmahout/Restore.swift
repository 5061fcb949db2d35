import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Platform

struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Restore a backup and the WAL after it into an empty directory.",
        discussion: """
            The directory appears when all is done: recovered, cleanly shut down, to be started with postgres -D. What \
            comes out is a cluster of its own, which neither joins nor archives for the one that it came from.
            """)

    @OptionGroup var options: ArchiveOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Where to: an absolute path, missing or empty.", valueName: "directory"))
    var targetDirectory: String

    @Option(
        help: ArgumentHelp(
            "Up to and with this moment, such as 2026-01-02T03:04:05Z or '2026-01-02 03:04:05+02'; default: as far as "
                + "the archive reaches.", valueName: "time"),
        transform: { text in
            guard let time = Timestamp(text) else {
                throw ValidationError("'\(text)' is no time with an offset from UTC, such as 2026-01-02T03:04:05Z")
            }
            return time
        })
    var toTime: Timestamp?

    @Option(help: ArgumentHelp("A certain backup; default: the newest that can reach the moment.", valueName: "id"))
    var backup: String?

    @Option(
        help: ArgumentHelp(
            "Where PostgreSQL's programs are; default: those of the configuration, if one is read.",
            valueName: "directory"))
    var binDirectory: String?

    @Option(help: "How many parts are unpacked at once.")
    var parallel = 2

    func validate() throws {
        guard targetDirectory.hasPrefix("/") else { throw ValidationError("--target-directory takes an absolute path") }
        guard (1...64).contains(parallel) else { throw ValidationError("--parallel takes 1 to 64") }
        guard options.archive == nil || binDirectory != nil else {
            throw ValidationError("--archive needs --bin-directory")
        }
    }

    func run() throws {
        if let refusal = ProcessUser.refusal() { throw Failure(.notPermitted, refusal) }
        try requireEmptyTarget()
        var progress = ProgressLine()
        let outcome: Archive.Restore.Outcome
        do {
            outcome = try Archive.Restore.run(try plan()) { progress.show($0) }
        } catch let error as RestoreError {
            progress.end()
            throw Failure(.failed, error.description)
        }
        progress.end()
        switch output.output {
        case .json: try Console.json(Result(outcome, targetDirectory))
        case .table:
            let last = outcome.lastTransaction.map { ", last transaction \($0)" } ?? ""
            Console.line(
                "restored backup \(outcome.backup.id) to \(targetDirectory): timeline \(outcome.timeline), "
                    + "position \(outcome.end)\(last)")
        }
    }

    private func plan() throws -> Archive.Restore.Plan {
        let location = try options.location()
        guard let programs = binDirectory ?? location.configuration?.postgres.binDirectory else {
            throw Failure(.usage, "--bin-directory is missing")
        }
        return Archive.Restore.Plan(
            archive: location.archive, server: location.server, targetDirectory: targetDirectory,
            target: toTime.map { .time($0) } ?? .latest, backupID: backup, binDirectory: programs,
            walClient: Programs.path("pgmahout-wal"), guardProgram: Programs.path("pgmahout-guard"), parallel: parallel)
    }

    /// The restore checks this too; here it has an exit code of its own.
    private func requireEmptyTarget() throws {
        guard Files.exists(targetDirectory) else { return }
        guard (try? Files.list(targetDirectory))?.isEmpty == true else {
            throw Failure(.dataRefused, "'\(targetDirectory)' is not an empty directory: a restore overwrites nothing")
        }
    }

    /// The outcome as JSON.
    private struct Result: Encodable {
        let backup: String
        let targetDirectory: String
        let timeline: TimelineID
        let endLSN: LSN
        let lastTransaction: String?

        init(_ outcome: Archive.Restore.Outcome, _ targetDirectory: String) {
            backup = outcome.backup.id
            self.targetDirectory = targetDirectory
            timeline = outcome.timeline
            endLSN = outcome.end
            lastTransaction = outcome.lastTransaction
        }
    }
}
