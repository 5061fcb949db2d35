import Archive
import ClusterModel

/// Backups as a table for people and as JSON for scripts.
struct BackupTable {
    let backups: [BackupInfo]

    init(_ backups: [BackupInfo]) { self.backups = backups }

    var text: String {
        var table = TextTable([
            .init("BACKUP"), .init("STATUS"), .init("FINISHED"), .init("TL", .right), .init("BEGIN LSN", .right),
            .init("END LSN", .right), .init("SIZE", .right),
        ])
        for backup in backups {
            table.add([
                backup.id, backup.status.rawValue.lowercased(), backup.endTime?.iso8601 ?? "",
                backup.timeline?.description ?? "", backup.beginLSN?.description ?? "",
                backup.endLSN?.description ?? "", backup.size.map(Amounts.bytes) ?? "",
            ])
        }
        return table.text
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
        }
    }
}
