import ClusterModel
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

    /// Finished backups of one system.
    /// - Parameter system: nil: that of the newest, since ids are times.
    func usable(system: SystemIdentifier? = nil) throws(RestoreError) -> [BackupInfo] {
        let complete = backups.filter(\.isComplete)
        guard let wanted = system ?? complete.last?.systemIdentifier else { return complete }
        let found = complete.filter { $0.systemIdentifier == nil || $0.systemIdentifier == wanted }
        if found.isEmpty, let other = complete.last?.systemIdentifier {
            throw RestoreError("the archive's backups are of the system \(other), and \(wanted) was expected")
        }
        return found
    }

    /// A certain finished backup, by id or name.
    package func named(_ id: String) throws(RestoreError) -> BackupInfo {
        let complete = backups.filter(\.isComplete)
        if let backup = complete.first(where: { $0.id == id }) { return backup }
        let named = complete.filter { $0.name == id }
        if named.count > 1 { throw RestoreError("several backups have the name '\(id)': give an id") }
        guard let backup = named.first else { throw RestoreError(missingReason(id)) }
        return backup
    }

    private func missingReason(_ id: String) -> String {
        if let reason = unreadable[id] { return "backup \(id) cannot be used: \(reason)" }
        if let backup = backups.first(where: { $0.id == id }) {
            return "backup \(id) is not finished: its status is \(backup.status.rawValue)"
        }
        return "the archive holds no backup \(id)"
    }
}
