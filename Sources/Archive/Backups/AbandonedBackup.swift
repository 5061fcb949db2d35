import ClusterModel
import ObjectStorage
import Platform

/// A backup whose process died, or gave no sign of life for so long that another one took its place.
struct AbandonedBackup {
    private let holder: BackupLock.Holder
    private let store: any ObjectStore
    private let layout: ArchiveLayout

    init(_ holder: BackupLock.Holder, _ store: any ObjectStore, _ layout: ArchiveLayout) {
        self.holder = holder
        self.store = store
        self.layout = layout
    }

    /// Makes sure that it never becomes a backup, and leaves nothing of it that nobody knows of.
    ///
    /// One that is certainly dead is removed. One that may only be cut off, or whose clock is wrong, might still write:
    /// it is described as failed, which is what retention removes, and what keeps it from publishing itself, since
    /// nothing is overwritten.
    func close() throws {
        guard BackupInfo.isID(holder.backupID), try store.head(layout.backupInfo(holder.backupID)) == nil else {
            return
        }
        let id = holder.backupID
        let parts = try store.listAll("\(layout.backup(id))/", recursive: true).objects.map(\.key)
        let extras = try store.listAll(layout.extras(of: id), recursive: true).objects.map(\.key)
        if holder.isGone {
            try store.delete(parts + extras)
            // What it was writing at the end: known by its key at a service, elsewhere only by its age.
            try store.removeAbandonedUploads(under: "\(layout.backup(id))/", olderThan: .seconds(3600))
            return
        }
        guard !parts.isEmpty || !extras.isEmpty else { return }
        var info = BackupInfo(id: id, status: .failed)
        info.beginTime = Timestamp(holder.startedAt)
        info.error = "\(holder.name) gave no sign of life after \(holder.renewedAt)"
        // Should it be there by now, it was finished in time.
        _ = try store.putIfAbsent(layout.backupInfo(id), Array(info.text.utf8))
    }
}
