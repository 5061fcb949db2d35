import ClusterModel
import ObjectStorage

/// Which WAL is still needed: that which a recovery from any backup that stays can come to read, by position and by
/// the ancestry of timelines. Names are never compared as text: a segment of timeline 1 may be younger than one of 2.
struct WALKeepSet {
    private let inventory: ArchiveInventory
    /// Recoveries start from these.
    private let anchors: [BackupInfo]
    /// Needed by backups that are kept alone.
    private let islands: [ClosedRange<WALSegment>]
    private let newest: TimelineID?
    /// Why all of it stays.
    let held: String?

    init(inventory: ArchiveInventory, verdicts: [RetentionPlan.Verdict]) {
        self.inventory = inventory
        newest = inventory.newestTimeline
        var anchors: [BackupInfo] = []
        var islands: [ClosedRange<WALSegment>] = []
        var held: String?
        for verdict in verdicts where !verdict.deletes {
            let backup = verdict.backup
            guard backup.isGood || backup.isSnapshot, let info = backup.info, info.isComplete else {
                // It starts somewhere behind the backup before it, which is as much as is known of it.
                let isKnownUseless = backup.info.map { $0.status == .failed } ?? false
                if isKnownUseless { continue }
                // A day before: others than us write ids in their local time.
                let limit = backup.begun.map { $0 - .seconds(86_400) }
                let before = verdicts.last { verdict in
                    guard verdict.backup.isGood, let limit, let begun = verdict.backup.begun else { return false }
                    return begun <= limit
                }
                if let before = before?.backup.info {
                    anchors.append(before)
                } else {
                    held = "nobody knows what WAL backup \(backup.id) needs"
                }
                continue
            }
            if backup.keep == .standalone {
                if let first = info.beginWAL, let last = info.endWAL, first <= last { islands.append(first...last) }
            } else {
                anchors.append(info)
            }
        }
        if anchors.isEmpty, held == nil { held = "there is no backup that it could be too old for" }
        self.anchors = anchors
        self.islands = islands
        self.held = held
    }

    func needs(_ name: WALFileName) -> Bool {
        guard held == nil, let segment = name.asSegment else { return true }
        if islands.contains(where: { $0.lowerBound.timeline == segment.timeline && $0.contains(segment) }) {
            return true
        }
        // No recovery goes backwards: what is older than where all of them start is read by none.
        let later = anchors.filter { segment.number >= $0.beginWAL?.number ?? 0 }
        if later.contains(where: { isRelated(segment.timeline, to: $0) }) { return true }
        // The branch that the cluster is on stays, whatever its backups are.
        guard segment.timeline == newest else { return false }
        let own = anchors.filter { isRelated(segment.timeline, to: $0) }
        return own.isEmpty || own.contains { segment.number >= $0.beginWAL?.number ?? 0 }
    }

    /// Whether a recovery from the backup may read WAL of this timeline: its own, one that it can get onto, or an
    /// ancestor, whose last segment may hold what its own first one lacks. Unknown ancestry counts as related.
    private func isRelated(_ timeline: TimelineID, to backup: BackupInfo) -> Bool {
        guard let own = backup.timeline, own != timeline else { return true }
        if timeline > own { return inventory.reaches(timeline, from: backup) != false }
        guard let history = inventory.history(of: own) else { return true }
        return history.end(of: timeline) != nil
    }
}

extension WALFileName {
    /// nil for a history file.
    fileprivate var asSegment: WALSegment? {
        switch self {
        case .segment(let segment), .partial(let segment), .backup(let segment, _): segment
        case .history: nil
        }
    }
}
