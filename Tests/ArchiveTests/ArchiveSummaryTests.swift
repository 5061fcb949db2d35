import ClusterModel
import ObjectStorage
import Testing

@testable import Archive

/// What is counted of an archive for metrics.
struct ArchiveSummaryTests {
    typealias Fixture = RetentionFixture

    private func summary(
        _ backups: [ArchiveInventory.Backup], _ wal: [ArchiveInventory.WALObject],
        _ histories: [(TimelineID, TimelineHistory)] = []
    ) -> ArchiveSummary {
        ArchiveSummary(
            ArchiveInventory(backups: backups, wal: wal, histories: Dictionary(uniqueKeysWithValues: histories)),
            now: Fixture.time(100))
    }

    private func finished(_ day: Int) -> Int64 { Fixture.time(day, hour: 1).milliseconds }

    @Test(
        "backups are counted by what they are good for; the first recoverable point is the end of the oldest good one")
    func counts() {
        var unreadable = Fixture.backup(5, segment: 5)
        unreadable.info = nil
        unreadable.unreadable = "why"
        let found = summary(
            [
                Fixture.backup(1, segment: 1, status: .failed), Fixture.backup(2, segment: 2),
                Fixture.backup(3, segment: 3, hasData: false), Fixture.backup(4, segment: 4), unreadable,
            ], Fixture.wal(2...6))
        #expect(found.backups == 2 && found.failedBackups == 1)
        #expect(found.unfinishedBackups == 1 && found.unreadableBackups == 1)
        #expect(found.firstRecoverable == finished(2) && found.missingSegments == 0)
        #expect(found.lastBackupAt == finished(4) && found.lastBackupSeconds == 3600 && found.lastBackupBytes == 1100)
        #expect(found.lastFailedBackupAt == Fixture.time(1).milliseconds)
        #expect(found.walFiles == 5 && found.walBytes == 50)
    }

    @Test("a gap ends what the backups before it are good for; older WAL is nobody's gap")
    func gap() {
        let backups = [Fixture.backup(2, segment: 2), Fixture.backup(4, segment: 5)]
        let whole = summary(backups, Fixture.wal(0...0) + Fixture.wal(2...7))
        #expect(whole.missingSegments == 0 && whole.firstRecoverable == finished(2))
        let broken = summary(backups, Fixture.wal(2...3) + Fixture.wal(5...7))
        #expect(broken.missingSegments == 1 && broken.gaps == [4] && broken.firstRecoverable == finished(4))
        let behind = summary(backups, Fixture.wal(2...5) + Fixture.wal(7...7))
        #expect(behind.missingSegments == 1 && behind.firstRecoverable == nil)
        let long = summary(backups, Fixture.wal(2...2) + Fixture.wal(900...900))
        #expect(long.missingSegments == 897 && long.gaps.count == 100)
    }

    @Test(
        "over promotions; WAL of a branch that was left and what is missing behind a backup that is kept alone are none"
    )
    func timelines() {
        // Timeline 2 left 1 within segment 6; segments 6 and 7 of timeline 1 are of the branch that was left.
        let histories = [Fixture.history(2, [(1, 6)])]
        let wal = Fixture.wal(2...7) + Fixture.wal(6...9, timeline: 2)
        let backups = [Fixture.backup(2, segment: 2), Fixture.backup(7, segment: 8, timeline: 2)]
        let found = summary(backups, wal, histories)
        #expect(found.missingSegments == 0 && found.firstRecoverable == finished(2))
        #expect(
            summary(backups, Fixture.wal(2...4) + Fixture.wal(6...9, timeline: 2), histories).gaps == [5],
            "between the backup and the fork")
        let left = [Fixture.backup(3, segment: 7), backups[1]]
        #expect(summary(left, wal, histories).firstRecoverable == finished(7))
        let alone = [Fixture.backup(1, segment: 1, keep: .standalone), backups[1]]
        let rest = Fixture.wal(1...1) + Fixture.wal(8...9, timeline: 2)
        #expect(summary(alone, rest, histories).missingSegments == 0)
        #expect(summary(alone, rest, histories).firstRecoverable == finished(7))
    }
}
