import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Glibc
import ObjectStorage
import Platform
import Postgres

/// What PID 1 runs instead of initdb when `bootstrap.recovery` says so: makes the staging directory of a new cluster out
/// of an archive. Standard error has the progress, a file the reason of a failure.
struct RestoreBootstrap: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap", abstract: "Make a new cluster's data: started by pgmahout run.", shouldDisplay: false)

    @OptionGroup var options: ConfigurationOptions

    @Option(help: ArgumentHelp("Where the reason of a failure goes.", valueName: "file"))
    var reasonFile: String?

    func run() throws {
        do {
            try restore()
        } catch let failure as Failure {
            if let reasonFile { try Files.writeDurably(Array(failure.message.utf8), to: reasonFile) }
            throw failure
        }
    }

    private func restore() throws {
        let configuration = try options.load(checks: .textOnly)
        guard let recovery = configuration.bootstrap.recovery else {
            throw Failure(.configuration, "the configuration has no section 'bootstrap.recovery'")
        }
        let directory = DataDirectory(path: configuration.dataDirectory, cluster: configuration.cluster, major: 0)
        do {
            var request = RestoreRequest(
                archive: try ArchiveLocation(recovery.place), server: recovery.server,
                targetDirectory: directory.stagingPath, target: try Self.target(recovery), backupID: recovery.backup,
                binDirectory: configuration.postgres.binDirectory, walClient: Programs.path("pgmahout-wal"),
                guardProgram: Programs.path("pgmahout-guard"), parallel: recovery.parallel)
            request.tablespaces = try RestoreCluster.mapping(recovery.tablespaces)
            let store = try request.archive.open()
            let plan = try RestorePlanner(request, store: store).plan()
            for remark in plan.remarks { Console.error("pgmahout: \(remark)") }
            var progress = ProgressLine(isTerminal: false)
            let outcome = try Archive.Restore.run(
                plan, store: store, finish: { try BootstrappedConfiguration.forget(in: $0) },
                progress: { progress.show($0) })
            Console.error(
                "restored backup \(outcome.backup.id) of '\(recovery.server)': timeline \(outcome.timeline), position "
                    + "\(outcome.end)")
        } catch let error as RestoreError {
            throw Failure(error)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.unavailable, "\(error)")
        }
    }

    static func target(_ recovery: PgmahoutConfiguration.Bootstrap.Recovery) throws -> RecoveryTarget {
        var points: [RecoveryTarget.Point] = []
        if let text = recovery.targetTime {
            do throws(RestoreError) { points.append(.time(try ZonedTime.parse(text))) } catch {
                throw Failure(.configuration, "bootstrap.recovery.targetTime: \(error)")
            }
        }
        if let text = recovery.targetLSN {
            guard let position = LSN(text) else {
                throw Failure(
                    .configuration, "bootstrap.recovery.targetLSN: '\(text)' is no position such as 0/3000028")
            }
            points.append(.position(position))
        }
        if let text = recovery.targetXID {
            guard let number = UInt64(text) else {
                throw Failure(.configuration, "bootstrap.recovery.targetXID: '\(text)' is no number")
            }
            points.append(.transaction(number))
        }
        if let name = recovery.targetName { points.append(.name(name)) }
        if recovery.targetImmediate { points.append(.immediate) }
        guard points.count <= 1 else {
            throw Failure(.configuration, "bootstrap.recovery has several targets: give one")
        }
        let timeline: RecoveryTarget.TargetTimeline
        switch recovery.timeline {
        case "latest": timeline = .latest
        case "current": timeline = .current
        default:
            guard let number = UInt32(recovery.timeline), number > 0 else {
                throw Failure(
                    .configuration,
                    "bootstrap.recovery.timeline: '\(recovery.timeline)' is no number, latest or current")
            }
            timeline = .number(TimelineID(number))
        }
        return RecoveryTarget(points.first ?? .latest, timeline: timeline, isInclusive: !recovery.exclusive)
    }
}
