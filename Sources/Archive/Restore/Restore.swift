import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres

/// A cluster as it was, from the archive into an empty directory.
///
/// Everything happens in a directory beside the target, recovery included; the target appears at the very end, whole
/// and durable, by a rename. A restore that is interrupted leaves the target as it was, and the next one for the same
/// target clears up.
///
/// What comes out has a timeline of its own and archives nowhere: it has the system identifier of the cluster that it
/// was taken from, and must not add to that one's archive.
package struct Restore {
    /// What the target directory is when it appears.
    package enum Mode: Hashable, Sendable {
        /// Recovered, promoted and cleanly shut down.
        case recovered
        /// To be recovered by the server's own start, with a command that fetches WAL.
        case prepared(restoreCommand: String)
        /// The files of the backup and nothing else: no configuration is touched, and nothing tells a server to recover.
        case files
    }

    package struct Outcome: Hashable, Sendable {
        package let backup: BackupInfo
        /// The restored cluster's own; of the backup, as long as nothing was recovered.
        package let timeline: TimelineID
        /// Of the shutdown checkpoint; where the backup ends, as long as nothing was recovered.
        package let end: LSN
        /// The last transaction that was replayed, as the server tells it; nil: none after the backup, or nothing was
        /// recovered.
        package let lastTransaction: String?
        package let tablespaces: [RestorePlan.Tablespace]
        /// Where the directory is that was replaced.
        package var replaced: String?
        /// How long each part took.
        package var phases: [DrillResult.Phase] = []
    }

    private let plan: RestorePlan
    private let store: any ObjectStore
    private let mode: Mode
    private var request: RestoreRequest { plan.request }

    /// Plans, and restores if the plan is feasible; returns when the target can be started with `postgres -D`. Blocks the
    /// calling thread, which must live as long as the process.
    /// - Parameter progress: called on the calling thread, some times a second.
    package static func run(
        _ request: RestoreRequest, mode: Mode = .recovered, progress: (ArchiveProgress) -> Void = { _ in }
    ) throws(RestoreError) -> Outcome {
        progress(ArchiveProgress(phase: "planning"))
        let store: any ObjectStore
        do throws(ObjectStoreError) { store = try request.archive.open() } catch {
            throw RestoreError(.unavailable, "\(error)")
        }
        let plan = try RestorePlanner(request, store: store).plan()
        return try run(plan, store: store, mode: mode, progress: progress)
    }

    /// Carries out a plan.
    /// - Parameters:
    ///   - aside: nil: the target must be missing or empty. Otherwise what is there gets this name, and stays.
    ///   - finish: called with the finished directory before it is put into place.
    package static func run(
        _ plan: RestorePlan, store: any ObjectStore, mode: Mode = .recovered, aside: String? = nil,
        finish: (_ directory: String) throws -> Void = { _ in }, progress: (ArchiveProgress) -> Void = { _ in }
    ) throws(RestoreError) -> Outcome {
        do {
            try plan.require()
            return try Restore(plan: plan, store: store, mode: mode).run(aside, finish, progress)
        } catch let error as RestoreError {
            throw error
        } catch let error as ObjectStoreError {
            throw RestoreError(.unavailable, "\(error)")
        } catch {
            throw RestoreError("\(error)")
        }
    }

    private func run(
        _ aside: String?, _ finish: (String) throws -> Void, _ progress: (ArchiveProgress) -> Void
    ) throws -> Outcome {
        let recovery = RecoveryRun(plan: plan)
        if mode != .files {
            guard geteuid() != 0 else {
                throw RestoreError("postgres does not run as root: restore as the user that is to own the data")
            }
            try recovery.checkVersion()
        }
        let staging = try RestoreStaging(target: request.targetDirectory, isReplaced: aside != nil)
        let spaces: TablespaceStaging
        do { spaces = try TablespaceStaging(plan.tablespaces, beside: staging) } catch {
            staging.discard()
            throw error
        }
        do {
            var clock = PhaseClock()
            let unpacking = RestoreUnpacking(plan: plan, store: store, directory: staging.path)
            let control = try unpacking.run(progress)
            try spaces.link(in: staging.path)
            try configure(RestoredConfiguration(directory: staging.path, control: control), recovery)
            clock.end("files")
            progress(ArchiveProgress(phase: "making it durable"))
            try unpacking.seal()
            clock.end("sync")
            var outcome = try recover(staging.path, control, recovery, progress, &clock)
            try finish(staging.path)
            progress(ArchiveProgress(phase: "putting it into place"))
            try spaces.adopt(in: staging.path)
            if let aside { outcome.replaced = try staging.replace(aside: aside) } else { try staging.adopt() }
            spaces.finish()
            clock.end("adoption")
            outcome.phases = clock.phases
            return outcome
        } catch {
            // The sign of the first is what lets the next attempt clear the second.
            spaces.discard()
            staging.discard()
            throw error
        }
    }

    /// What a server needs to be started here, and to be started as what the mode says.
    private func configure(_ configuration: RestoredConfiguration, _ recovery: RecoveryRun) throws {
        switch mode {
        case .files: return
        case .prepared(let restoreCommand):
            try configuration.neutralise(
                recovery: recovery.targetSettings + [("restore_command", restoreCommand)])
        case .recovered: try configuration.neutralise()
        }
        try Files.writeDurably([UInt8](), to: configuration.directory + "/recovery.signal")
        if let known = request.knownHistories { try keepHistories(of: known, in: configuration.directory) }
    }

    private func recover(
        _ directory: String, _ copied: ControlData, _ recovery: RecoveryRun, _ progress: (ArchiveProgress) -> Void,
        _ clock: inout PhaseClock
    ) throws -> Outcome {
        let backup = plan.backup
        func outcome(_ timeline: TimelineID, _ end: LSN, _ last: String?) -> Outcome {
            Outcome(
                backup: backup, timeline: timeline, end: end, lastTransaction: last, tablespaces: plan.tablespaces)
        }
        guard mode == .recovered else {
            return outcome(backup.timeline ?? copied.timeline, backup.endLSN ?? .zero, nil)
        }
        let last = try recovery.run(in: directory, progress)
        clock.end("recovery")
        progress(ArchiveProgress(phase: "making it durable"))
        for space in plan.tablespaces { try Files.syncFileSystem(of: TablespaceStaging.path(space)) }
        let control = try ControlData.read(dataDirectory: directory)
        guard control.state == .shutDown else {
            throw RestoreError("the restored server was left \(control.state)")
        }
        return outcome(control.checkpointTimeline, control.checkpoint, last)
    }

    /// The server looks for a free number of a timeline in the archive and here.
    private func keepHistories(of directory: String, in restored: String) throws {
        let target = restored + "/pg_wal"
        try Files.makeDirectory(target)
        for name in (try? Files.list(directory)) ?? [] {
            guard case .history? = WALFileName(ofAnySize: name), !Files.exists("\(target)/\(name)") else { continue }
            try Files.writeDurably(try Files.read("\(directory)/\(name)", limit: 1 << 20), to: "\(target)/\(name)")
        }
    }
}

/// How long the parts of a piece of work take.
struct PhaseClock {
    private(set) var phases: [DrillResult.Phase] = []
    private var last = BootClock.now()

    /// Of a part that was measured elsewhere, up to now.
    mutating func add(_ phase: DrillResult.Phase) {
        phases.append(phase)
        last = BootClock.now()
    }

    mutating func end(_ name: String) {
        let now = BootClock.now()
        phases.append(DrillResult.Phase(name: name, milliseconds: now.since(last).milliseconds))
        last = now
    }
}
