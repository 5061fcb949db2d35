import ObjectStorage

/// The base backups of an archive.
package struct BackupCatalogue: Hashable, Sendable {
    /// Readable ones, finished or not, oldest first.
    package let backups: [BackupInfo]
    /// Ids of those whose `backup.info` cannot be read, and why.
    package let unreadable: [String: String]

    package init(backups: [BackupInfo], unreadable: [String: String] = [:]) {
        self.backups = backups
        self.unreadable = unreadable
    }

    /// Reads the catalogue. A folder without `backup.info` is a backup that is being taken, or never was finished:
    /// it is left out.
    package static func read(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError)
        -> BackupCatalogue
    {
        var backups: [BackupInfo] = []
        var unreadable: [String: String] = [:]
        for folder in try store.listAll(layout.backups).folders {
            let id = String(folder.dropFirst(layout.backups.count).dropLast())
            guard BackupInfo.isID(id), let content = try store.readAll(layout.backupInfo(id)) else { continue }
            do throws(BackupInfoError) {
                backups.append(try BackupInfo(id: id, text: String(decoding: content, as: UTF8.self)))
            } catch {
                unreadable[id] = error.description
            }
        }
        return BackupCatalogue(backups: backups.sorted { $0.id < $1.id }, unreadable: unreadable)
    }

    /// What `backup list` shows: finished backups, oldest first.
    package static func list(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError)
        -> [BackupInfo]
    {
        try read(store, layout).backups.filter(\.isComplete)
    }

    /// The backup to start a recovery from.
    /// - Parameter id: a certain one, which must be able to reach the target.
    package func choose(for target: RecoveryTarget, id: String? = nil) throws(RestoreError) -> BackupInfo {
        let complete = backups.filter(\.isComplete)
        if let id {
            guard let backup = complete.first(where: { $0.id == id }) else {
                throw RestoreError(missingReason(id))
            }
            if case .time(let time) = target.point, let end = backup.endTime, end > time {
                throw RestoreError(
                    "backup \(id) was finished at \(end.iso8601): it cannot be recovered to the earlier time "
                        + time.iso8601)
            }
            return backup
        }
        guard let newest = complete.max(by: { $0.id < $1.id }) else {
            throw RestoreError("the archive holds no finished backup")
        }
        guard case .time(let time) = target.point else { return newest }
        let usable = complete.filter { $0.endTime.map { $0 <= time } ?? false }
        guard let best = usable.max(by: { ($0.endTime ?? time, $0.id) < ($1.endTime ?? time, $1.id) }) else {
            let first = complete.compactMap(\.endTime).min()
            throw RestoreError(
                "no backup reaches back to \(time.iso8601): the first recoverable time is "
                    + (first?.iso8601 ?? "unknown"))
        }
        return best
    }

    private func missingReason(_ id: String) -> String {
        if let reason = unreadable[id] { return "backup \(id) cannot be used: \(reason)" }
        if let backup = backups.first(where: { $0.id == id }) {
            return "backup \(id) is not finished: its status is \(backup.status.rawValue)"
        }
        return "the archive holds no backup \(id)"
    }
}
