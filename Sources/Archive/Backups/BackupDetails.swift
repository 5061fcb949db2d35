import ObjectStorage

/// One backup, and what the archive has of it.
package struct BackupDetails: Hashable, Sendable {
    package let backup: BackupInfo
    /// In the order of their names.
    package let parts: [ObjectInfo]
    /// Why retention spares it: `full` or `standalone`; nil: it does not.
    package let kept: String?

    /// - Parameter name: id or name of a backup, finished or not; nil: the newest finished one.
    package static func read(_ store: any ObjectStore, _ layout: ArchiveLayout, _ name: String?) throws(ArchiveError)
        -> BackupDetails
    {
        do {
            let catalogue = try BackupCatalogue.read(store, layout)
            let backup: BackupInfo
            if let name {
                backup = try catalogue.backups.first { $0.id == name } ?? catalogue.named(name)
            } else {
                guard let newest = catalogue.backups.last(where: \.isComplete) else {
                    throw ArchiveError(.refused, "the archive holds no finished backup")
                }
                backup = newest
            }
            let parts = try store.listAll("\(layout.backup(backup.id))/").objects
                .compactMap { object in BackupPartName.parse(object.key.name).map { (name: $0.part, object: object) } }
                .sorted { $0.name < $1.name }.map(\.object)
            return BackupDetails(backup: backup, parts: parts, kept: try keep(backup, store, layout))
        } catch let error as RestoreError {
            throw ArchiveError(.refused, error.description)
        } catch { throw ArchiveError(error) }
    }

    /// What `backup keep`, or Barman's, has noted.
    static func keep(_ backup: BackupInfo, _ store: any ObjectStore, _ layout: ArchiveLayout) throws -> String? {
        guard let content = try store.readAll(layout.backup(backup.id) / "annotations" / "keep") else { return nil }
        let text = String(decoding: content, as: UTF8.self)
        return text.contains("standalone") ? "standalone" : "full"
    }
}
