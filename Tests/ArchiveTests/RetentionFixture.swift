import ClusterModel
import ObjectStorage

@testable import Archive

/// Archives as values: a backup a day, WAL by segment numbers.
enum RetentionFixture {
    static func time(_ day: Int, hour: Int = 0) -> Timestamp {
        Timestamp(microseconds: (20_000 * 86_400 + Int64(day) * 86_400 + Int64(hour) * 3600) * 1_000_000)
    }

    static func id(_ day: Int) -> String { time(day).compact }

    static func object(_ key: String, day: Int, size: UInt64 = 100) -> ObjectInfo {
        ObjectInfo(key: ObjectKey(key), size: size, modified: time(day).microseconds / 1_000_000)
    }

    /// Begun at midnight of `day`, finished an hour later; its WAL is the segment `segment`.
    static func backup(
        _ day: Int, segment: UInt64, timeline: UInt32 = 1, status: BackupInfo.Status = .done,
        keep: KeepAnnotation? = nil, hasData: Bool = true, parent: Int? = nil
    ) -> ArchiveInventory.Backup {
        var info = BackupInfo(id: id(day), status: status)
        info.timeline = TimelineID(timeline)
        if status == .done {
            info.beginTime = time(day)
            info.endTime = time(day, hour: 1)
            info.beginLSN = LSN(rawValue: segment << 24 | 0x28)
            info.endLSN = LSN(rawValue: segment << 24 | 0x100)
        }
        if let parent { info.others["parent_backup_id"] = id(parent) }
        var backup = ArchiveInventory.Backup(id: id(day), info: info, keep: keep)
        backup.objects = [object("demo/base/\(id(day))/backup.info", day: day)]
        if hasData { backup.objects.append(object("demo/base/\(id(day))/data.tar.gz", day: day, size: 1000)) }
        return backup
    }

    static func wal(_ numbers: ClosedRange<UInt64>, timeline: UInt32 = 1) -> [ArchiveInventory.WALObject] {
        numbers.map { number in
            let name = WALFileName.segment(WALSegment(timeline: TimelineID(timeline), number: number))
            return ArchiveInventory.WALObject(name: name, object: object("demo/wals/\(name).gz", day: 0, size: 10))
        }
    }

    /// A timeline and where it left its ancestors, as segment numbers.
    static func history(_ timeline: UInt32, _ ancestors: [(UInt32, UInt64)]) -> (TimelineID, TimelineHistory) {
        let found = ancestors.map {
            TimelineHistory.Ancestor(timeline: TimelineID($0.0), end: LSN(rawValue: $0.1 << 24))
        }
        return (TimelineID(timeline), TimelineHistory(timeline: TimelineID(timeline), ancestors: found))
    }

    static func plan(
        _ backups: [ArchiveInventory.Backup], wal: [ArchiveInventory.WALObject] = [],
        histories: [(TimelineID, TimelineHistory)] = [], policy: String?, minimum: Int = 1, today: Int = 100,
        only: Int? = nil
    ) -> RetentionPlan {
        let inventory = ArchiveInventory(
            backups: backups, wal: wal, histories: Dictionary(uniqueKeysWithValues: histories))
        return RetentionPlan(
            inventory,
            .init(
                policy: policy.flatMap { RetentionPolicy($0) }, minimum: minimum, now: time(today),
                only: only.map { id($0) }))
    }
}

extension RetentionPlan {
    var deletedIDs: [String] { deleted.map(\.backup.id) }
    func reason(_ day: Int) -> String { backups.first { $0.backup.id == RetentionFixture.id(day) }?.reason ?? "" }
    /// `timeline:number`
    var walNumbers: [String] { wal.map { "\($0.name.timeline):\($0.name.segmentNumber)" } }
}
