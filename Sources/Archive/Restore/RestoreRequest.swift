import ClusterModel
import ObjectStorage

/// What somebody wants back, from where and to where.
package struct RestoreRequest: Hashable, Sendable {
    package var archive: ArchiveLocation
    /// The cluster's folder in the archive.
    package var server: String
    /// Absolute; missing or empty.
    package var targetDirectory: String
    package var target: RecoveryTarget
    /// Id or name of a certain backup; nil: the newest that can reach the target.
    package var backupID: String?
    /// Where tablespaces go, by name or by number; those that are not named go where they were.
    package var tablespaces: [String: String]
    /// Whose data it has to be; nil: whatever the newest backup is of.
    package var system: SystemIdentifier?
    /// PostgreSQL's programs, of the backup's major version.
    package var binDirectory: String
    /// The program `pgmahout-wal`.
    package var walClient: String
    /// The program `pgmahout-guard`, so that the recovering server dies with this process; nil: it does not.
    package var guardProgram: String?
    /// Parts that are unpacked at a time.
    package var parallel: Int
    /// History files to be known before recovery ends, so that its new timeline gets a number that none of them has: in
    /// place, those of the directory that is replaced. A directory; nil: those of the archive are enough.
    package var knownHistories: String?
    /// Whether the target may hold something: what is done with that is up to who restores.
    package var replacesTarget = false
    /// Whether recovery goes on behind the last whole segment, with what was shipped of the next one.
    package var usesTail = false

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
        tablespaces = [:]
        self.binDirectory = binDirectory
        self.walClient = walClient
        self.guardProgram = guardProgram
        self.parallel = max(1, parallel)
    }

    package var layout: ArchiveLayout { ArchiveLayout(server: server) }
}
