import ClusterModel

/// Which backup a recovery starts from, and the way to its target: by ancestry and positions, never by the order of ids.
package struct BackupChoice: Hashable, Sendable {
    package let backup: BackupInfo
    package let path: RecoveryPath

    /// - Parameters:
    ///   - id: a certain backup, or its name; it must be able to reach the target.
    ///   - system: whose backups count; nil: that of the newest.
    package static func make(
        _ catalogue: BackupCatalogue, _ timelines: ArchiveTimelines, _ target: RecoveryTarget, id: String? = nil,
        system: SystemIdentifier? = nil
    ) throws(RestoreError) -> BackupChoice {
        let complete = try catalogue.usable(system: system)
        if let id {
            let backup = try catalogue.named(id)
            if let system, let found = backup.systemIdentifier, found != system {
                throw RestoreError("backup \(backup.id) is of the system \(found), and \(system) was expected")
            }
            return try choose([backup], timelines, target, isNamed: true)
        }
        guard !complete.isEmpty else { throw RestoreError("the archive holds no finished backup") }
        return try choose(complete, timelines, target, isNamed: false)
    }

    private static func choose(
        _ backups: [BackupInfo], _ timelines: ArchiveTimelines, _ target: RecoveryTarget, isNamed: Bool
    ) throws(RestoreError) -> BackupChoice {
        var reasons: [RestoreError] = []
        for history in try histories(backups, timelines, target.timeline) {
            let onPath = backups.compactMap { backup in
                RecoveryPath(from: backup, to: history).map { BackupChoice(backup: backup, path: $0) }
            }
            guard !onPath.isEmpty else {
                reasons.append(RestoreError(offPath(backups, history, isNamed: isNamed)))
                continue
            }
            // Positions only grow along one way, so they are the order in time.
            let usable = onPath.filter { $0.canReach(target.point) }
            if let best = usable.max(by: { ($0.position, $0.backup.id) < ($1.position, $1.backup.id) }) { return best }
            reasons.append(RestoreError(tooLate(onPath, target, history, isNamed: isNamed)))
        }
        throw reasons.first ?? RestoreError("no backup is on timeline that is known to the archive")
    }

    private var position: LSN { backup.endLSN ?? .zero }

    private func canReach(_ point: RecoveryTarget.Point) -> Bool {
        switch point {
        case .time(let time): backup.endTime.map { $0 <= time } ?? false
        case .position(let position): self.position <= position
        // Where a transaction or a restore point is, only replay tells.
        case .latest, .immediate, .transaction, .name: true
        }
    }

    /// The timelines to try, the wanted one first.
    private static func histories(
        _ backups: [BackupInfo], _ timelines: ArchiveTimelines, _ wanted: RecoveryTarget.TargetTimeline
    ) throws(RestoreError) -> [TimelineHistory] {
        let own = Set(backups.compactMap(\.timeline))
        // Who began to archive after a promotion may have no history of its first timeline: it needs none there.
        func history(_ timeline: TimelineID) -> TimelineHistory? {
            timelines.history(timeline) ?? (own.contains(timeline) ? TimelineHistory(timeline: timeline) : nil)
        }
        switch wanted {
        case .number(let number):
            if let reason = timelines.damaged[number] { throw RestoreError(reason) }
            guard let found = history(number) else {
                throw RestoreError(
                    "the archive has no history of timeline \(number), so nobody knows where it begins; it has "
                        + list(timelines.real))
            }
            return [found]
        case .current:
            let newest = backups.max { ($0.timeline ?? TimelineID(1), $0.id) < ($1.timeline ?? TimelineID(1), $1.id) }
            return newest?.timeline.flatMap(history).map { [$0] } ?? []
        case .latest:
            // The newest branch that a backup is on. A newer one that none is on is the second choice of nobody: it is
            // named in the reason when nothing fits.
            return Set(timelines.real).union(own).sorted(by: >).compactMap(history).filter { history in
                backups.contains { RecoveryPath(from: $0, to: history) != nil }
            }.prefix(1).map { $0 }
        }
    }

    private static func list(_ timelines: [TimelineID]) -> String {
        timelines.isEmpty ? "none" : timelines.map(\.description).joined(separator: ", ")
    }

    private static func offPath(_ backups: [BackupInfo], _ history: TimelineHistory, isNamed: Bool) -> String {
        guard isNamed, let backup = backups.first, let own = backup.timeline else {
            return "no finished backup is on the way to timeline \(history.timeline)"
        }
        if let fork = history.end(of: own) {
            return "backup \(backup.id) ends at \(backup.endLSN ?? .zero), behind \(fork), where timeline "
                + "\(history.timeline) left its timeline \(own): choose an earlier backup, or --timeline current"
        }
        return "backup \(backup.id) is on timeline \(own), which is no ancestor of timeline \(history.timeline)"
    }

    private static func tooLate(
        _ choices: [BackupChoice], _ target: RecoveryTarget, _ history: TimelineHistory, isNamed: Bool
    ) -> String {
        let first: String =
            switch target.point {
            case .time:
                choices.compactMap(\.backup.endTime).min().map { "the first recoverable time is \($0.iso8601)" }
                    ?? "the backups tell no time"
            default: "the first recoverable position is \(choices.map(\.position).min() ?? .zero)"
            }
        if isNamed, let backup = choices.first?.backup {
            let end = "\(backup.endTime?.iso8601 ?? "?"), at \(backup.endLSN ?? .zero)"
            return "backup \(backup.id) was finished at \(end): it cannot be recovered to the earlier \(target)"
        }
        return "no backup on the way to timeline \(history.timeline) reaches back to \(target): \(first)"
    }
}
