import ClusterModel
import ObjectStorage

/// What is in the archive, in numbers.
extension ArchiveSummary {
    /// Reads the whole archive's listing, and small objects: for a worker, never for PID 1.
    package static func read(
        _ store: any ObjectStore, _ layout: ArchiveLayout, now: Timestamp
    ) throws(ObjectStoreError) -> ArchiveSummary {
        var summary = ArchiveSummary(try ArchiveInventory.read(store, layout), now: now)
        let dumps = try LogicalDump.list(store, layout)
        summary.dumps = dumps.count
        summary.dumpBytes = dumps.reduce(0) { $0 + $1.bytes }
        summary.lastDumpAt = dumps.last.flatMap { Timestamp($0.finishedAt)?.milliseconds }
        if let drill = try DrillResult.newest(store, layout), let finished = drill.finished {
            summary.drill = Check(
                succeeded: drill.succeeded, finishedAt: finished.milliseconds,
                seconds: drill.duration?.inSeconds ?? 0, backup: drill.backup)
        }
        return summary
    }

    init(_ inventory: ArchiveInventory, now: Timestamp) {
        self.init(takenAt: now.milliseconds)
        walFiles = inventory.wal.count
        walBytes = inventory.wal.reduce(0) { $0 + $1.object.size }
        lastRecoverable = (inventory.wal + inventory.tail).compactMap(\.object.modified).max().map { $0 * 1000 }
        for backup in inventory.backups {
            backupBytes += backup.bytes
            if backup.unreadable != nil {
                unreadableBackups += 1
            } else if backup.isGood {
                backups += 1
            } else if backup.info?.status == .failed {
                failedBackups += 1
                lastFailedBackupAt = max(lastFailedBackupAt ?? 0, backup.begun?.milliseconds ?? 0)
            } else {
                unfinishedBackups += 1
            }
        }
        let good = inventory.backups.filter(\.isGood)
        if let last = good.max(by: { ($0.info?.endTime?.microseconds ?? 0) < ($1.info?.endTime?.microseconds ?? 0) }),
            let end = last.info?.endTime
        {
            lastBackup = last.id
            lastBackupAt = end.milliseconds
            lastBackupBytes = last.bytes
            lastBackupSeconds = (last.info?.beginTime ?? last.begun).map { end.since($0).inSeconds }
        }
        findGaps(good, inventory)
    }

    /// What can be recovered to begins with the oldest backup behind which no segment is missing up to now.
    private mutating func findGaps(_ good: [ArchiveInventory.Backup], _ inventory: ArchiveInventory) {
        guard let newest = inventory.newestTimeline else { return }
        // Behind one that is kept alone, WAL is missing on purpose.
        let usable = good.filter { $0.keep != .standalone }.compactMap(\.info).filter {
            inventory.reaches(newest, from: $0) == true
        }
        .sorted { ($0.endTime?.microseconds ?? 0) < ($1.endTime?.microseconds ?? 0) }
        firstRecoverable = usable.first?.endTime?.milliseconds
        guard let oldest = usable.first, let begin = oldest.beginWAL else { return }
        var present: [TimelineID: Set<UInt64>] = [:]
        for object in inventory.wal {
            if case .segment(let segment) = object.name {
                present[segment.timeline, default: []].insert(segment.number)
            }
        }
        let size = inventory.segmentSize
        var start = begin.number
        let ancestors = inventory.history(of: newest)?.ancestors ?? []
        for ancestor in ancestors where ancestor.timeline >= begin.timeline {
            // The segment of the fork itself is there under the new timeline's number.
            let end = ancestor.end.rawValue / size
            missing(from: start, to: end, present[ancestor.timeline] ?? [])
            start = max(start, end)
        }
        let last = (present[newest]?.max()).map { $0 + 1 } ?? start
        missing(from: start, to: last, present[newest] ?? [])
        // A gap ends what the backups before it are good for.
        guard missingSegments > 0 else { return }
        defer { gaps = Array(gaps.prefix(Self.gapsTold)) }
        firstRecoverable =
            usable.first { backup in
                guard let number = backup.beginWAL?.number else { return false }
                return gaps.allSatisfy { $0 < number }
            }?.endTime?.milliseconds
    }

    private static let gapsTold = 100

    private mutating func missing(from first: UInt64, to end: UInt64, _ there: Set<UInt64>) {
        guard first < end else { return }
        for number in first..<end where !there.contains(number) {
            missingSegments += 1
            gaps.append(number)
            if gaps.count > 10_000 { return }
        }
    }
}

extension Timestamp {
    package var milliseconds: Int64 { microseconds / 1000 }
}
