/// What is in a cluster's archive, counted from the archive itself. Times are milliseconds since 1970.
package struct ArchiveSummary: Hashable, Sendable, Codable {
    /// How a drill, a verification or a dump ended.
    package struct Check: Hashable, Sendable, Codable {
        package var succeeded: Bool
        package var finishedAt: Int64
        package var seconds: Double
        package var backup: String?

        package init(succeeded: Bool, finishedAt: Int64, seconds: Double, backup: String?) {
            self.succeeded = succeeded
            self.finishedAt = finishedAt
            self.seconds = seconds
            self.backup = backup
        }
    }

    package var takenAt: Int64
    /// Good ones: finished, with their data.
    package var backups = 0
    package var failedBackups = 0
    /// Begun and not finished, or without data.
    package var unfinishedBackups = 0
    package var unreadableBackups = 0
    package var backupBytes: UInt64 = 0
    package var walFiles = 0
    package var walBytes: UInt64 = 0
    /// Segments that are missing between the first recoverable point and the newest WAL of the present timeline.
    package var missingSegments = 0
    package var firstRecoverable: Int64?
    /// End of the newest WAL, by when it was written.
    package var lastRecoverable: Int64?
    /// The newest good one.
    package var lastBackup: String?
    package var lastBackupAt: Int64?
    package var lastBackupSeconds: Double?
    package var lastBackupBytes: UInt64?
    package var lastFailedBackupAt: Int64?
    package var dumps = 0
    package var dumpBytes: UInt64 = 0
    package var lastDumpAt: Int64?
    package var drill: Check?
    /// Numbers of the segments that are missing; the first ones.
    package var gaps: [UInt64] = []

    package init(takenAt: Int64) { self.takenAt = takenAt }
}
