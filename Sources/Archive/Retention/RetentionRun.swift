import ClusterModel
import ObjectStorage

/// Deletes what a plan says.
///
/// Order: of each backup, oldest first, its data and what stands beside it, then its `backup.info`; then WAL, oldest
/// first. After a crash at any moment the next plan finds the rest: a backup without data counts as good for nobody, and
/// one without a description is cleared up as abandoned.
package struct RetentionRun {
    private let store: any ObjectStore
    private let layout: ArchiveLayout
    /// Asked before every request that deletes; what it throws ends the run.
    private let permission: () throws -> Void
    private let progress: (ArchiveProgress) -> Void

    private static let batchSize = 1000

    package init(
        _ store: any ObjectStore, _ layout: ArchiveLayout, permission: @escaping () throws -> Void = {},
        progress: @escaping (ArchiveProgress) -> Void = { _ in }
    ) {
        self.store = store
        self.layout = layout
        self.permission = permission
        self.progress = progress
    }

    /// - Throws: `ArchiveError`.
    package func apply(_ plan: RetentionPlan) throws(ArchiveError) {
        do {
            var done: UInt64 = 0
            func report(_ phase: String, _ bytes: UInt64) {
                done += bytes
                progress(ArchiveProgress(phase: phase, bytesDone: done, bytesTotal: plan.bytes))
            }
            report("deleting", 0)
            let survivors = plan.backups.filter { !$0.deletes && $0.backup.isGood }.map(\.backup.id)
            for verdict in plan.deleted {
                if verdict.backup.isGood {
                    try requireOne(of: survivors)
                    try requireUnannotated(verdict.backup.id)
                }
                try delete(verdict.backup)
                report("deleting backups", verdict.backup.bytes)
            }
            try delete((plan.orphans + plan.tail).map(\.key))
            for start in stride(from: 0, to: plan.wal.count, by: Self.batchSize) {
                let batch = plan.wal[start...].prefix(Self.batchSize)
                try delete(batch.map(\.object.key))
                report("deleting WAL", batch.reduce(0) { $0 + $1.object.size })
            }
        } catch { throw ArchiveError(error) }
    }

    /// What uploads of dead processes have left under this cluster's keys.
    package func removeAbandonedUploads(olderThan age: Duration) throws(ArchiveError) {
        do {
            try permission()
            try store.removeAbandonedUploads(under: layout.root, olderThan: age)
        } catch { throw ArchiveError(error) }
    }

    private func delete(_ backup: ArchiveInventory.Backup) throws {
        let last: Set<ObjectKey> = [layout.backupInfo(backup.id), layout.keepAnnotation(backup.id)]
        try delete((backup.objects + backup.sidecars).map(\.key).filter { !last.contains($0) })
        for key in [layout.backupInfo(backup.id), layout.keepAnnotation(backup.id)]
        where backup.objects.contains(where: { $0.key == key }) { try delete([key]) }
    }

    /// The last look before a good backup goes: the plan may be minutes old, and somebody else deletes as well.
    private func requireOne(of survivors: [String]) throws {
        for id in survivors.reversed() where try store.head(layout.backupInfo(id)) != nil { return }
        throw ArchiveError(
            .refused, "the backups that were to stay are gone: nothing more is deleted")
    }

    /// Nobody annotated it since the plan was made, which would delete its WAL as well.
    private func requireUnannotated(_ id: String) throws {
        for key in [layout.keepAnnotation(id), layout.keepInterim(id)] where try store.head(key) != nil {
            throw ArchiveError(.refused, "backup \(id) is to be kept since this was planned: nothing more is deleted")
        }
    }

    private func delete(_ keys: [ObjectKey]) throws {
        for start in stride(from: 0, to: keys.count, by: Self.batchSize) {
            try permission()
            try store.delete(Array(keys[start...].prefix(Self.batchSize)))
        }
    }
}

extension KeepAnnotation {
    /// Says that a backup is to be kept, or (nil) no longer.
    package static func set(
        _ keep: KeepAnnotation?, of id: String, _ store: any ObjectStore, _ layout: ArchiveLayout
    ) throws(ArchiveError) {
        do {
            guard try store.head(layout.backupInfo(id)) != nil else {
                throw ArchiveError(.refused, "the archive holds no finished backup \(id)")
            }
            let key = layout.keepAnnotation(id)
            guard let keep else { return try store.delete([layout.keepInterim(id), key]) }
            guard try store.putIfAbsent(key, Array(keep.rawValue.utf8)) == .different else { return }
            // Objects are not overwritten, and at no moment may nothing keep it.
            _ = try store.putIfAbsent(layout.keepInterim(id), Array(KeepAnnotation.full.rawValue.utf8))
            try store.delete(key)
            _ = try store.putIfAbsent(key, Array(keep.rawValue.utf8))
            try store.delete(layout.keepInterim(id))
        } catch { throw ArchiveError(error) }
    }
}
