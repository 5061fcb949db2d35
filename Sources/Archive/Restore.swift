import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres

/// A cluster as it was, from the archive into an empty directory.
///
/// Everything happens in a directory beside the target, recovery included; the target appears at the very end, whole,
/// durable and cleanly shut down, by a rename. A restore that is interrupted leaves the target as it was, and the next
/// one for the same target clears up.
///
/// What comes out has a timeline of its own and archives nowhere: it has the system identifier of the cluster that it
/// was taken from, and must not add to that one's archive.
package struct Restore {
    package struct Plan: Hashable, Sendable {
        package var archive: ArchiveLocation
        package var server: String
        /// Absolute; missing or empty.
        package var targetDirectory: String
        package var target: RecoveryTarget
        /// nil: the newest that can reach the target.
        package var backupID: String?
        /// PostgreSQL's programs, of the backup's major version.
        package var binDirectory: String
        /// The program `pgmahout-wal`.
        package var walClient: String
        /// The program `pgmahout-guard`, so that the recovering server dies with this process; nil: it does not.
        package var guardProgram: String?
        /// Parts that are unpacked at a time.
        package var parallel: Int

        package init(
            archive: ArchiveLocation, server: String, targetDirectory: String, target: RecoveryTarget = .latest,
            backupID: String? = nil, binDirectory: String, walClient: String, guardProgram: String? = nil,
            parallel: Int = 2
        ) {
            self.archive = archive
            self.server = server
            self.targetDirectory = targetDirectory
            self.target = target
            self.backupID = backupID
            self.binDirectory = binDirectory
            self.walClient = walClient
            self.guardProgram = guardProgram
            self.parallel = max(1, parallel)
        }
    }

    package struct Outcome: Hashable, Sendable {
        package let backup: BackupInfo
        /// The restored cluster's own.
        package let timeline: TimelineID
        /// Of the shutdown checkpoint.
        package let end: LSN
        /// The last transaction that was replayed, as the server tells it; nil: none after the backup.
        package let lastTransaction: String?
    }

    private let plan: Plan
    private let store: any ObjectStore

    private init(_ plan: Plan) throws(ObjectStoreError) {
        self.plan = plan
        store = try plan.archive.open()
    }

    /// Restores; returns when the target can be started with `postgres -D`. Blocks the calling thread, which must live
    /// as long as the process.
    /// - Parameter progress: called on the calling thread, some times a second.
    package static func run(_ plan: Plan, progress: (ArchiveProgress) -> Void = { _ in }) throws(RestoreError)
        -> Outcome
    {
        do {
            return try Restore(plan).run(progress)
        } catch let error as RestoreError {
            throw error
        } catch {
            throw RestoreError("\(error)")
        }
    }

    private func run(_ progress: (ArchiveProgress) -> Void) throws -> Outcome {
        guard geteuid() != 0 else {
            throw RestoreError("postgres does not run as root: restore as the user that is to own the data")
        }
        let layout = ArchiveLayout(server: plan.server)
        progress(ArchiveProgress(phase: "reading the catalogue"))
        let backup = try BackupCatalogue.read(store, layout).choose(for: plan.target, id: plan.backupID)
        guard backup.tablespaces.isEmpty else {
            throw RestoreError(
                "backup \(backup.id) has tablespaces, which cannot be restored yet: "
                    + backup.tablespaces.map(\.name).joined(separator: ", "))
        }
        let recovery = RecoveryRun(plan: plan, backup: backup)
        try recovery.checkVersion()
        let staging = try RestoreStaging(target: plan.targetDirectory, bytes: backup.size ?? 0)
        do {
            try RestoreUnpacking(store: store, layout: layout, backup: backup, directory: staging.path)
                .run(parallel: plan.parallel, progress)
            try RestoredConfiguration(directory: staging.path).neutralise()
            let lastTransaction = try recovery.run(in: staging.path, progress)
            progress(ArchiveProgress(phase: "making it durable"))
            let control = try ControlData.read(dataDirectory: staging.path)
            guard control.state == .shutDown else {
                throw RestoreError("the restored server was left \(control.state)")
            }
            try staging.adopt()
            return Outcome(
                backup: backup, timeline: control.checkpointTimeline, end: control.checkpoint,
                lastTransaction: lastTransaction)
        } catch {
            staging.discard()
            throw error
        }
    }
}
