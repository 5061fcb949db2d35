import Archive
import ClusterModel

/// Backups as a table for people and as JSON for scripts.
struct BackupTable {
    let backups: [BackupInfo]
    /// Who takes one now.
    let running: BackupLock.Holder?

    init(_ backups: [BackupInfo], running: BackupLock.Holder? = nil) {
        self.backups = backups
        self.running = running
    }

    var text: String {
        var table = TextTable([
            .init("BACKUP"), .init("STATUS"), .init("FINISHED"), .init("TL", .right), .init("BEGIN LSN", .right),
            .init("END LSN", .right), .init("SIZE", .right),
        ])
        for backup in backups {
            table.add([
                backup.id, Self.status(backup), backup.endTime?.iso8601 ?? "",
                backup.timeline?.description ?? "", backup.beginLSN?.description ?? "",
                backup.endLSN?.description ?? "", backup.size.map(Amounts.bytes) ?? "",
            ])
        }
        if let running { table.add([running.backupID, "running on \(running.name)", "", "", "", "", ""]) }
        return table.text
    }

    static func status(_ backup: BackupInfo) -> String {
        let status = backup.status.rawValue.lowercased()
        let count = backup.corruptPages.count
        return count == 0 ? status : "\(status), \(count) corrupt page\(count == 1 ? "" : "s")"
    }

    /// One backup as a JSON object.
    struct Entry: Encodable, Hashable {
        let id: String
        let status: String
        let complete: Bool
        let beginTime: String?
        let endTime: String?
        let beginLSN: LSN?
        let endLSN: LSN?
        let timeline: TimelineID?
        let systemIdentifier: SystemIdentifier?
        let serverVersion: Int?
        let sizeBytes: UInt64?
        let error: String?
        let name: String?
        let corruptPages: [String]

        init(_ backup: BackupInfo) {
            id = backup.id
            status = backup.status.rawValue
            complete = backup.isComplete
            beginTime = backup.beginTime?.iso8601
            endTime = backup.endTime?.iso8601
            beginLSN = backup.beginLSN
            endLSN = backup.endLSN
            timeline = backup.timeline
            systemIdentifier = backup.systemIdentifier
            serverVersion = backup.serverVersion
            sizeBytes = backup.size
            error = backup.error
            name = backup.name
            corruptPages = backup.corruptPages
        }
    }
}
