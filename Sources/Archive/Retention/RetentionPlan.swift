import ClusterModel
import ObjectStorage

/// What retention would delete, what stays, and why: a pure function of what is in the archive.
///
/// Two rules stand above every policy. The newest backups from which the cluster's present timeline can be reached are
/// never deleted (`minimum` of them, at least one). And what is not understood is kept: an unreadable description, a
/// history that is missing, a backup that may still be being taken.
package struct RetentionPlan: Hashable, Sendable {
    package struct Rules: Hashable, Sendable {
        /// nil: no finished backup is obsolete by its age.
        package var policy: RetentionPolicy?
        /// Never fewer good backups than so many; at least 1.
        package var minimum: Int
        package var now: Timestamp
        /// What was begun or written to so lately may still be being made.
        package var patience = Duration.seconds(86_400)
        /// A certain backup that a person wants deleted, instead of what the policy says.
        package var only: String?

        package init(policy: RetentionPolicy?, minimum: Int = 1, now: Timestamp, only: String? = nil) {
            self.policy = policy
            self.minimum = max(1, minimum)
            self.now = now
            self.only = only
        }
    }

    package struct Verdict: Hashable, Sendable {
        package let backup: ArchiveInventory.Backup
        package let deletes: Bool
        /// Why, in a few words.
        package let reason: String
    }

    /// WAL of one timeline that goes.
    package struct WALRange: Hashable, Sendable {
        package let timeline: TimelineID
        package let first: WALFileName
        package let last: WALFileName
        package let count: Int
        package let bytes: UInt64
    }

    /// By id.
    package let backups: [Verdict]
    /// In the order in which it is deleted: oldest first.
    package let wal: [ArchiveInventory.WALObject]
    /// Sidecars of backups that are not there any more.
    package let orphans: [ObjectInfo]
    /// Pieces of segments that nobody needs either.
    package let tail: [ObjectInfo]
    package let walKept: Int
    package let walKeptBytes: UInt64
    /// Why no WAL is deleted at all; nil when that is not so.
    package let walHeld: String?

    package init(_ inventory: ArchiveInventory, _ rules: Rules) {
        var inventory = inventory
        inventory.backups.sort { $0.id < $1.id }
        var rules = rules
        // A clock that runs far ahead makes nothing old: time ends with what the store has last written.
        if let newest = inventory.newestChange { rules.now = min(rules.now, newest + .seconds(86_400)) }
        let judge = RetentionJudge(inventory: inventory, rules: rules)
        let verdicts = judge.verdicts()
        let keep = WALKeepSet(inventory: inventory, verdicts: verdicts)
        var going: [ArchiveInventory.WALObject] = []
        var kept = (count: 0, bytes: UInt64(0))
        for object in inventory.wal {
            if keep.needs(object.name) {
                kept = (kept.count + 1, kept.bytes + object.object.size)
            } else {
                going.append(object)
            }
        }
        backups = verdicts
        // By position: a crash in the middle leaves no gap within what is needed by anybody.
        wal = going.sorted { ($0.name.segmentNumber, $0.name.timeline) < ($1.name.segmentNumber, $1.name.timeline) }
        orphans = inventory.orphans.sorted { $0.key < $1.key }.flatMap { id, objects in
            rules.only == nil && !judge.isYoung(id, objects) ? objects : []
        }
        tail = inventory.tail.filter { !keep.needs($0.name) }.map(\.object)
        walKept = kept.count
        walKeptBytes = kept.bytes
        walHeld = inventory.wal.isEmpty ? nil : keep.held
    }

    package var deleted: [Verdict] { backups.filter(\.deletes) }
    package var isEmpty: Bool { deleted.isEmpty && wal.isEmpty && orphans.isEmpty && tail.isEmpty }
    package var walBytes: UInt64 { wal.reduce(0) { $0 + $1.object.size } }

    /// Bytes that would be free afterwards.
    package var bytes: UInt64 {
        deleted.reduce(0) { $0 + $1.backup.bytes } + walBytes + (orphans + tail).reduce(0) { $0 + $1.size }
    }

    /// For people: the WAL that goes, by timeline.
    package var walRanges: [WALRange] {
        Dictionary(grouping: wal, by: \.name.timeline).sorted { $0.key < $1.key }.compactMap { timeline, objects in
            guard let first = objects.first, let last = objects.last else { return nil }
            return WALRange(
                timeline: timeline, first: first.name, last: last.name, count: objects.count,
                bytes: objects.reduce(0) { $0 + $1.object.size })
        }
    }

    /// Backups that somebody has to look at: they are kept, and nothing is known of them.
    package var unreadable: [Verdict] { backups.filter { $0.backup.unreadable != nil } }

    /// Why a certain backup cannot be deleted; nil when it can.
    package func refusal(of id: String) -> String? {
        guard let verdict = backups.first(where: { $0.backup.id == id }) else {
            return "the archive holds no backup \(id)"
        }
        return verdict.deletes ? nil : "backup \(id) is not deleted: \(verdict.reason)"
    }
}

extension WALFileName {
    /// In segments from LSN 0; 0 for a history file.
    var segmentNumber: UInt64 {
        switch self {
        case .segment(let segment), .partial(let segment), .backup(let segment, _): segment.number
        case .history: 0
        }
    }
}
