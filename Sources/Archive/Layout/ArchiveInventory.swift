import ClusterModel
import ObjectStorage

/// All that is in one cluster's archive, as one value that rules can be applied to.
package struct ArchiveInventory: Hashable, Sendable {
    package struct Backup: Hashable, Sendable {
        package let id: String
        /// nil: there is no `backup.info`, or it cannot be read.
        package var info: BackupInfo?
        /// Why `backup.info` cannot be used; nil when it can, or is not there.
        package var unreadable: String?
        /// Everything under `base/<id>/`.
        package var objects: [ObjectInfo]
        /// What stands beside the backups and is of this one.
        package var sidecars: [ObjectInfo]
        package var keep: KeepAnnotation?

        package init(
            id: String, info: BackupInfo? = nil, unreadable: String? = nil, objects: [ObjectInfo] = [],
            sidecars: [ObjectInfo] = [], keep: KeepAnnotation? = nil
        ) {
            self.id = id
            self.info = info
            self.unreadable = unreadable
            self.objects = objects
            self.sidecars = sidecars
            self.keep = keep
        }

        /// Can be restored: it is finished, and its data is still there.
        package var isGood: Bool { info?.isComplete == true && hasData }

        package var hasData: Bool {
            objects.contains { $0.key.name == "data.tar" || $0.key.name.hasPrefix("data.tar.") }
        }

        /// Its data are snapshots of disks, which only Barman can delete.
        package var isSnapshot: Bool {
            guard let snapshots = info?.others["snapshots_info"] else { return false }
            return !["", "None"].contains(snapshots)
        }

        package var bytes: UInt64 { (objects + sidecars).reduce(0) { $0 + $1.size } }

        /// When it was begun, from its id.
        package var begun: Timestamp? { Timestamp(backupID: id) }
    }

    package struct WALObject: Hashable, Sendable {
        package let name: WALFileName
        package let object: ObjectInfo

        package init(name: WALFileName, object: ObjectInfo) {
            self.name = name
            self.object = object
        }
    }

    /// By id.
    package var backups: [Backup]
    /// Without history files.
    package var wal: [WALObject]
    /// Of the history files that can be read. One without ancestors only marks its number as used.
    package var histories: [TimelineID: TimelineHistory]
    /// Sidecars of backups that have no folder any more, by id.
    package var orphans: [String: [ObjectInfo]]
    /// Pieces behind the last whole segment, by the segment that they are of.
    package var tail: [WALObject] = []
    package var segmentSize: UInt64
    /// The backup that the last who took the lock was making, alive or not; nil: nobody has it.
    package var locked: String?

    package init(
        backups: [Backup] = [], wal: [WALObject] = [], histories: [TimelineID: TimelineHistory] = [:],
        orphans: [String: [ObjectInfo]] = [:], segmentSize: UInt64 = WALSegment.defaultSize
    ) {
        self.backups = backups
        self.wal = wal
        self.histories = histories
        self.orphans = orphans
        self.segmentSize = segmentSize
    }

    /// The timeline that the cluster is on: the newest that has WAL, a backup, or a history of its own.
    package var newestTimeline: TimelineID? {
        let real = histories.values.filter { !$0.ancestors.isEmpty }.map(\.timeline)
        return (wal.map(\.name.timeline) + backups.compactMap(\.info?.timeline) + real).max()
    }

    /// When something was last written, by the store's clock; nil: it does not tell.
    package var newestChange: Timestamp? {
        let moments = wal.lazy.compactMap(\.object.modified).max()
        let others = backups.lazy.flatMap(\.objects).compactMap(\.modified).max()
        guard let last = [moments, others].compactMap({ $0 }).max() else { return nil }
        return Timestamp(microseconds: last * 1_000_000)
    }

    /// The ancestry of a timeline; nil when nobody knows it.
    package func history(of timeline: TimelineID) -> TimelineHistory? {
        timeline == TimelineID(1) ? TimelineHistory(timeline: timeline) : histories[timeline]
    }

    /// Whether a recovery from `backup` can get onto `timeline`; nil when a history is missing that would tell.
    package func reaches(_ timeline: TimelineID, from backup: BackupInfo) -> Bool? {
        guard let own = backup.timeline else { return nil }
        if own == timeline { return true }
        guard own < timeline else { return false }
        guard let history = history(of: timeline) else { return nil }
        guard let end = history.end(of: own) else { return false }
        // It forked off before the backup was consistent.
        return backup.endLSN.map { end >= $0 } ?? true
    }
}

// MARK: - Reading

extension ArchiveInventory {
    /// Lists the whole archive of one cluster: one request for a thousand objects.
    package static func read(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError)
        -> ArchiveInventory
    {
        var found = ArchiveInventory()
        // Before the backups: one that begins afterwards is known to be younger than all that is deleted.
        found.locked = try BackupLock.backupID(store, layout)
        var byID: [String: Backup] = [:]
        for object in try store.listAll(layout.backups, recursive: true).objects {
            let rest = object.key.text.dropFirst(layout.backups.count)
            let id = String(rest.prefix { $0 != "/" })
            guard BackupInfo.isID(id), id.count < rest.count else { continue }
            byID[id, default: Backup(id: id)].objects.append(object)
        }
        for id in byID.keys { try byID[id]?.readDescription(store, layout) }
        var pieces: [ObjectInfo] = []
        for object in try store.listAll(layout.own, recursive: true).objects {
            if object.key.text.hasPrefix(layout.tails) { pieces.append(object) }
            guard let id = layout.backupID(ofSidecar: object.key) else { continue }
            if byID[id] != nil {
                byID[id]?.sidecars.append(object)
            } else {
                found.orphans[id, default: []].append(object)
            }
        }
        found.backups = byID.values.sorted { $0.id < $1.id }
        found.segmentSize = found.backups.last { $0.info?.isComplete == true }?.info?.segmentSize ?? found.segmentSize
        found.tail = pieces.compactMap { object in
            guard let piece = TailPiece(object.key) else { return nil }
            let segment = WALSegment(timeline: piece.timeline, containing: piece.start, size: found.segmentSize)
            return WALObject(name: .segment(segment), object: object)
        }
        try found.readWAL(store, layout)
        return found
    }

    private mutating func readWAL(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError) {
        for object in try store.listAll(layout.wals, recursive: true).objects {
            guard let name = ArchiveLayout.walName(object.key.name, segmentSize: segmentSize) else { continue }
            guard case .history(let timeline) = name else {
                wal.append(WALObject(name: name, object: object))
                continue
            }
            if let history = try TimelineHistory.read(timeline, at: object.key, store) { histories[timeline] = history }
        }
    }
}

extension ArchiveInventory.Backup {
    fileprivate mutating func readDescription(
        _ store: any ObjectStore, _ layout: ArchiveLayout
    ) throws(ObjectStoreError) {
        if objects.contains(where: { $0.key == layout.backupInfo(id) }) {
            do throws(ObjectStoreError) {
                guard let content = try store.readAll(layout.backupInfo(id)) else { return }
                do throws(BackupInfoError) {
                    info = try BackupInfo(id: id, text: String(decoding: content, as: UTF8.self))
                } catch { unreadable = error.description }
            } catch {
                // One object that a store does not give out must not stop all; a store that is gone must.
                guard error.kind == .denied else { throw error }
                unreadable = error.message
            }
        }
        // A change of the annotation that was broken off must not have undone it.
        if objects.contains(where: { $0.key == layout.keepInterim(id) }) { keep = .full }
        guard objects.contains(where: { $0.key == layout.keepAnnotation(id) }),
            let content = try store.readAll(layout.keepAnnotation(id), limit: 4096)
        else { return }
        let text = String(decoding: content, as: UTF8.self).trimmingWhitespace
        // A word that nobody knows was still meant to keep it.
        keep = KeepAnnotation(rawValue: text) ?? .full
    }
}

extension TimelineHistory {
    /// nil: it cannot be read, and so nothing is known of that timeline's ancestors.
    static func read(
        _ timeline: TimelineID, at key: ObjectKey, _ store: any ObjectStore
    ) throws(ObjectStoreError) -> TimelineHistory? {
        guard let stored = try store.readAll(key),
            let content = ArchiveLayout.inflate(stored, name: key.name)
        else { return nil }
        return TimelineHistory(timeline: timeline, content: String(decoding: content, as: UTF8.self))
    }
}
