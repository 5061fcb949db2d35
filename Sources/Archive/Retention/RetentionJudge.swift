import ClusterModel
import ObjectStorage

/// Which backups go.
struct RetentionJudge {
    let inventory: ArchiveInventory
    let rules: RetentionPlan.Rules

    func verdicts() -> [RetentionPlan.Verdict] {
        let obsolete = obsolete()
        var reasons: [String: String] = [:]
        for backup in inventory.backups where obsolete.contains(backup.id) {
            // What others are made from stays with them.
            reasons[backup.id] = obsoleteReason
        }
        for backup in inventory.backups where reasons[backup.id] == nil {
            for parent in parents(of: backup) { reasons[parent] = nil }
        }
        let kept = Set(inventory.backups.map(\.id)).subtracting(reasons.keys)
        return inventory.backups.map { backup in
            if backup.isGood {
                let deletes = reasons[backup.id] != nil
                return RetentionPlan.Verdict(
                    backup: backup, deletes: deletes,
                    reason: reasons[backup.id] ?? keepReason(backup, obsolete: obsolete, kept: kept))
            }
            return unfinished(backup)
        }
    }

    // MARK: Finished backups

    /// Newest first, by the moment that they can be recovered to.
    private var good: [ArchiveInventory.Backup] {
        inventory.backups.filter(\.isGood).sorted { (end($0), $0.id) > (end($1), $1.id) }
    }

    private func end(_ backup: ArchiveInventory.Backup) -> Timestamp {
        backup.info?.endTime ?? Timestamp(microseconds: .min)
    }

    /// Those that a recovery to the present timeline can begin with, newest first; without a known one: all. Others stay
    /// or go with these, and count for no policy: a backup of a branch that was left, and one that is kept without the WAL
    /// behind it.
    private var useful: [ArchiveInventory.Backup] {
        let candidates = good.filter { $0.keep != .standalone }
        guard let newest = inventory.newestTimeline else { return candidates }
        let reaching = candidates.filter { $0.info.map { inventory.reaches(newest, from: $0) != false } ?? false }
        return reaching.isEmpty ? candidates : reaching
    }

    private func obsolete() -> Set<String> {
        if let only = rules.only {
            let named = good.first { $0.id == only }
            return named.map { $0.keep == nil && !guaranteed.contains($0.id) ? [$0.id] : [] } ?? []
        }
        // The oldest that the policy asks for: what is behind it is obsolete.
        let oldest: ArchiveInventory.Backup?
        switch rules.policy {
        case nil: oldest = nil
        case .redundancy(let count): oldest = useful.dropFirst(count - 1).first
        // The first that ends before the window begins is what the window begins with.
        case .window: oldest = useful.first { end($0) < windowStart }
        }
        guard let oldest, let place = good.firstIndex(where: { $0.id == oldest.id }) else { return [] }
        let late = good[place...].dropFirst()
        return Set(late.filter { $0.keep == nil && !guaranteed.contains($0.id) }.map(\.id))
    }

    private var windowStart: Timestamp {
        guard case .window(let days)? = rules.policy else { return rules.now }
        return rules.now - .seconds(Int64(days) * 86_400)
    }

    /// Never deleted: the newest from which the present timeline can be reached. A backup that was taken on a branch
    /// that was left afterwards is newer, and of no use to the cluster as it is.
    private var guaranteed: Set<String> { Set(useful.prefix(rules.minimum).map(\.id)) }

    /// Barman's incremental backups cannot be restored without those that they were made from.
    private func parents(of backup: ArchiveInventory.Backup) -> [String] {
        var found: [String] = []
        var next = backup.info?.others["parent_backup_id"]
        while let id = next, !found.contains(id) {
            found.append(id)
            next = inventory.backups.first { $0.id == id }?.info?.others["parent_backup_id"]
        }
        return found
    }

    private var obsoleteReason: String {
        if rules.only != nil { return "was asked for" }
        switch rules.policy {
        case .redundancy(let count): return "\(count) newer ones are there"
        case .window(let days): return "not needed for the last \(days) days"
        case nil: return ""
        }
    }

    private func keepReason(_ backup: ArchiveInventory.Backup, obsolete: Set<String>, kept: Set<String>) -> String {
        if let keep = backup.keep { return "is to be kept (\(keep.rawValue)): backup keep \(backup.id) --release" }
        let child = inventory.backups.first {
            kept.contains($0.id) && $0.id != backup.id && parents(of: $0).contains(backup.id)
        }
        if obsolete.contains(backup.id), let child { return "backup \(child.id) was made from it" }
        if guaranteed.contains(backup.id) {
            return rules.minimum == 1 ? "is the last good one" : "is one of the last \(rules.minimum) good ones"
        }
        switch rules.policy {
        case _ where rules.only != nil: return "was not asked for"
        case nil: return "there is no retention policy"
        case .redundancy(let count): return "is one of the newest \(count)"
        case .window(let days):
            return end(backup) < windowStart
                ? "the last \(days) days begin with it" : "is of the last \(days) days"
        }
    }

    // MARK: Others

    /// Whether it may still be being made.
    func isYoung(_ id: String, _ objects: [ObjectInfo]) -> Bool {
        if id == inventory.locked { return true }
        let limit = rules.now - rules.patience
        // An id that is no time, and an object without one, count as young: nobody knows.
        guard let begun = Timestamp(backupID: id) else { return true }
        if begun > limit { return true }
        return objects.contains { object in object.modified.map { $0 * 1_000_000 > limit.microseconds } ?? true }
    }

    private func unfinished(_ backup: ArchiveInventory.Backup) -> RetentionPlan.Verdict {
        func verdict(_ deletes: Bool, _ reason: String) -> RetentionPlan.Verdict {
            RetentionPlan.Verdict(backup: backup, deletes: deletes, reason: reason)
        }
        if let unreadable = backup.unreadable { return verdict(false, "cannot be read: \(unreadable)") }
        if backup.isSnapshot { return verdict(false, "is of snapshots, which only Barman can delete") }
        if let keep = backup.keep, backup.info != nil { return verdict(false, "is to be kept (\(keep.rawValue))") }
        if let only = rules.only, only != backup.id { return verdict(false, "was not asked for") }
        if isYoung(backup.id, backup.objects + backup.sidecars) {
            return verdict(false, "may still be being taken")
        }
        guard let info = backup.info else { return verdict(true, "was abandoned: it has no backup.info") }
        switch info.status {
        case .done where info.isComplete: return verdict(true, "its data is gone")
        case .done: return verdict(false, "its backup.info has no end")
        case .failed: return verdict(true, "has failed" + (info.error.map { ": \($0)" } ?? ""))
        case .empty, .started, .waitingForWAL, .syncing:
            return verdict(true, "was abandoned: its status is \(info.status.rawValue)")
        }
    }
}
