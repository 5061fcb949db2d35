import ClusterModel
import ObjectStorage
import Testing

@testable import Archive

struct RetentionWALTests {
    typealias Fixture = RetentionFixture

    @Test("WAL before the oldest backup that stays goes, oldest first; all behind it stays")
    func simple() {
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 3), Fixture.backup(2, segment: 7)], wal: Fixture.wal(0...10),
            policy: "REDUNDANCY 1")
        #expect(plan.walNumbers == (0...6).map { "1:\($0)" })
        #expect(plan.walKept == 4)
        #expect(plan.bytes == 1100 + 70)
        #expect(plan.walRanges.map(\.count) == [7])
    }

    @Test("without a backup no WAL is deleted")
    func noBackup() {
        let plan = Fixture.plan([], wal: Fixture.wal(0...3), policy: "1d")
        #expect(plan.isEmpty && plan.walHeld != nil)
    }

    @Test("WAL below the keep point goes although its backup was removed by somebody else")
    func removedByOthers() {
        let plan = Fixture.plan([Fixture.backup(9, segment: 7)], wal: Fixture.wal(0...8), policy: "REDUNDANCY 5")
        #expect(plan.walNumbers == (0...6).map { "1:\($0)" })
    }

    @Test("a higher timeline number does not make a segment younger: positions and ancestry decide")
    func positions() {
        // Timeline 1 up to 5, then 2; the backup that stays is on 2.
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 2), Fixture.backup(2, segment: 7, timeline: 2)],
            wal: Fixture.wal(0...6) + Fixture.wal(5...9, timeline: 2), histories: [Fixture.history(2, [(1, 5)])],
            policy: "REDUNDANCY 1")
        // 1:6 was written past the fork, 2:5 and 2:6 before the backup.
        #expect(plan.walNumbers == ["1:0", "1:1", "1:2", "1:3", "1:4", "1:5", "2:5", "1:6", "2:6"])
    }

    @Test("WAL of later timelines stays for a backup of an earlier one")
    func descendants() {
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 2)],
            wal: Fixture.wal(0...5) + Fixture.wal(5...6, timeline: 2)
                + Fixture.wal(6...8, timeline: 3),
            histories: [Fixture.history(2, [(1, 5)]), Fixture.history(3, [(1, 5), (2, 6)])], policy: "REDUNDANCY 1")
        #expect(plan.walNumbers == ["1:0", "1:1"])
    }

    @Test("the WAL of a branch that was left goes with the last backup that could reach it")
    func branches() {
        // Timeline 2 was left at 5 for 3, which forks from 1 at 4.
        let wal = Fixture.wal(0...5) + Fixture.wal(5...9, timeline: 2) + Fixture.wal(4...9, timeline: 3)
        let histories = [Fixture.history(2, [(1, 5)]), Fixture.history(3, [(1, 4)])]
        let both = [Fixture.backup(1, segment: 2), Fixture.backup(2, segment: 6, timeline: 3)]
        let kept = Fixture.plan(both, wal: wal, histories: histories, policy: "REDUNDANCY 2")
        #expect(kept.walNumbers == ["1:0", "1:1"])
        let gone = Fixture.plan(both, wal: wal, histories: histories, policy: "REDUNDANCY 1")
        #expect(gone.wal.filter { $0.name.timeline == TimelineID(2) }.count == 5)
        #expect(gone.wal.filter { $0.name.timeline == TimelineID(3) }.map(\.name.segmentNumber) == [4, 5])
    }

    @Test("WAL of a timeline whose history is missing stays from the first anchor on")
    func unknownAncestry() {
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 4)], wal: Fixture.wal(0...5) + Fixture.wal(2...6, timeline: 7), policy: "1d")
        #expect(plan.walNumbers == ["1:0", "1:1", "1:2", "7:2", "1:3", "7:3"])
    }

    @Test("after a recovery in place the last good backup is one that the present timeline can be reached from")
    func recoveredInPlace() {
        // Backup 2 was taken at 8 on timeline 1; then the cluster was recovered to 5, and goes on on timeline 2.
        let backups = [Fixture.backup(1, segment: 2), Fixture.backup(2, segment: 8)]
        let plan = Fixture.plan(
            backups, wal: Fixture.wal(0...9) + Fixture.wal(5...7, timeline: 2),
            histories: [Fixture.history(2, [(1, 5)])], policy: "REDUNDANCY 1")
        #expect(plan.deletedIDs.isEmpty)
        #expect(plan.reason(1) == "is the last good one")
        #expect(plan.walNumbers == ["1:0", "1:1"])
        // Even when it is gone already, the branch that the cluster is on keeps its WAL.
        let late = Fixture.plan(
            [backups[1]], wal: Fixture.wal(7...9) + Fixture.wal(5...9, timeline: 2),
            histories: [Fixture.history(2, [(1, 5)])], policy: "REDUNDANCY 1")
        #expect(late.walNumbers == ["1:7"])
    }

    @Test("a number that was only marked as used is no timeline that the cluster is on")
    func usedNumbers() {
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 2), Fixture.backup(2, segment: 5)], wal: Fixture.wal(0...6),
            histories: [Fixture.history(9, [])], policy: "REDUNDANCY 1")
        #expect(plan.deletedIDs == [Fixture.id(1)])
    }

    @Test("a backup that is kept alone keeps just its own WAL")
    func standalone() {
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 3, keep: .standalone), Fixture.backup(2, segment: 7)],
            wal: Fixture.wal(0...8), policy: "REDUNDANCY 1")
        #expect(plan.deletedIDs.isEmpty)
        #expect(plan.walNumbers == [0, 1, 2, 4, 5, 6].map { "1:\($0)" })
        // It is no backup to go on from.
        let alone = Fixture.plan(
            [Fixture.backup(1, segment: 3), Fixture.backup(2, segment: 7, keep: .standalone)], wal: Fixture.wal(0...8),
            policy: "REDUNDANCY 1")
        #expect(alone.deletedIDs.isEmpty && alone.reason(1) == "is the last good one")
    }

    @Test("a backup under way keeps the WAL since the one before it")
    func underWay() {
        let running = ArchiveInventory.Backup(
            id: Fixture.id(100), objects: [Fixture.object("demo/base/x/data_0001.tar.gz", day: 100)])
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 3), running], wal: Fixture.wal(0...8), policy: "REDUNDANCY 1", today: 100)
        #expect(plan.walNumbers == ["1:0", "1:1", "1:2"])
        #expect(Fixture.plan([running], wal: Fixture.wal(0...8), policy: "1d", today: 100).wal.isEmpty)
    }
}
