import ClusterModel
import Glibc
import Platform

/// Numbers of timelines (docs/leadership.md §5). A server that is promoted takes the first number for which it finds no
/// history file, and a standby that changes over asks its upstream for the file of every number in between: so numbers
/// that were promised and never used need files as well. Such a file has no ancestors, and a server takes no timeline
/// for its own future that does not descend from the present one.
///
/// Once a primary has gone past them they are archived as well: whoever restores to the latest timeline looks for one
/// number after the other, and stops at the first that is missing.
extension DataDirectory {
    /// Makes a promotion of this server, which is on `own`, take the number `target`. Durable when it returns.
    /// Real histories are left alone. Postgres may run.
    package func reserveTimelines(from own: TimelineID, to target: TimelineID) throws {
        guard target > own else {
            throw DataDirectoryError("timeline \(target) was promised to a server that is on timeline \(own) already")
        }
        guard try kindOfHistory(target) != .real else {
            throw DataDirectoryError("timeline \(target) was promised to this server and exists already")
        }
        // Left over from a promise of a higher number: it would make the promotion skip the target.
        try remove([target])
        try writeHistories(from: own, to: target) { _ in Self.unusedHistory }
    }

    /// Makes a standby on `own` able to change over to the leader's timeline although its upstream may lack files: a
    /// server that began as a clone has none of before. Durable when it returns. To be called while postgres runs.
    package func completeHistories(from own: TimelineID, of leader: TimelineHistory) throws {
        try writeHistories(from: own, to: leader.timeline) { number in
            guard let index = leader.ancestors.firstIndex(where: { $0.timeline == number }) else {
                return Self.unusedHistory
            }
            // What its own file says, as far as it matters: who begat it, and where.
            return leader.ancestors[..<index].map {
                "\($0.timeline)\t\($0.end)\tas timeline \(leader.timeline) has it\n"
            }
            .joined()
        }
    }

    /// Removes what was reserved and not used. To be called before every start, with the timeline that the data is on:
    /// a server that starts takes the last number in the row for its goal, and one without ancestors leads nowhere.
    package func releaseTimelines(above own: TimelineID) throws {
        let present = try historyNumbers().filter { $0 > own }
        var newest = own
        var number = own.rawValue
        while number < UInt32.max, present.contains(TimelineID(number + 1)) {
            number += 1
            if try kindOfHistory(TimelineID(number)) == .real { newest = TimelineID(number) }
        }
        // Below the newest real one they are steps on the way to it.
        try remove(present.filter { $0 > newest })
    }

    /// Hands the files of unused numbers below the newest real timeline to the archiver. For a primary after its promotion.
    package func archiveUnusedTimelines() throws {
        let numbers = try historyNumbers()
        guard let newest = try numbers.filter({ try kindOfHistory($0) == .real }).max() else { return }
        for number in numbers where number < newest {
            guard try kindOfHistory(number) == .unused else { continue }
            let status = path + "/pg_wal/archive_status/" + WALFileName.history(number).description
            guard !Files.exists(status + ".ready"), !Files.exists(status + ".done") else { continue }
            try Files.writeDurably([], to: status + ".ready")
        }
    }

    private enum HistoryKind { case absent, unused, real }

    private static let unusedHistory = "# pgmahout: this timeline was promised and never used; it has no ancestors\n"

    private func historyPath(_ timeline: TimelineID) -> String {
        path + "/pg_wal/" + WALFileName.history(timeline).description
    }

    private func kindOfHistory(_ timeline: TimelineID) throws(SystemError) -> HistoryKind {
        do {
            return try Files.readText(historyPath(timeline)) == Self.unusedHistory ? .unused : .real
        } catch  where error.isNotFound {
            return .absent
        }
    }

    private func historyNumbers() throws(SystemError) -> Set<TimelineID> {
        Set(
            try Files.list(path + "/pg_wal").compactMap { name in
                if case .history(let timeline) = WALFileName(name) { timeline } else { nil }
            })
    }

    /// Only those that are missing.
    private func writeHistories(
        from own: TimelineID, to target: TimelineID, _ content: (TimelineID) -> String
    ) throws {
        guard target.rawValue > own.rawValue, target.rawValue - own.rawValue > 1 else { return }
        guard target.rawValue - own.rawValue <= Self.mostNumbers else {
            throw DataDirectoryError("timeline \(target) is too far from \(own): the record cannot be right")
        }
        var written = false
        for number in own.rawValue + 1..<target.rawValue {
            let path = historyPath(TimelineID(number))
            guard !Files.exists(path) else { continue }
            let temporary = Files.temporaryPath(for: path)
            do throws(SystemError) {
                // Nothing in it is secret, and its directory is closed to others anyway.
                let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
                try file.write(content(TimelineID(number)).utf8)
                try file.fsync()
                try file.close()
                // The server may have fetched the real one meanwhile.
                try Files.linkExclusively(temporary, to: path)
                written = true
            } catch {
                try Files.remove(temporary)
                guard error.isExists else { throw error }
            }
            try Files.remove(temporary)
        }
        if written { try Files.syncDirectory(path + "/pg_wal") }
    }

    private func remove(_ timelines: some Sequence<TimelineID>) throws {
        var removed = false
        for timeline in timelines where try kindOfHistory(timeline) == .unused {
            try Files.remove(historyPath(timeline))
            removed = true
        }
        if removed { try Files.syncDirectory(path + "/pg_wal") }
    }

    /// More promotions than a cluster sees in its life.
    private static let mostNumbers: UInt32 = 100_000
}
