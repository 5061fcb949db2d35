import ClusterModel
import ObjectStorage
import Testing

@testable import Archive

struct RetentionPlanTests {
    typealias Fixture = RetentionFixture

    @Test(
        "policies are read in Barman's words and in CloudNativePG's",
        arguments: [
            ("REDUNDANCY 3", RetentionPolicy.redundancy(3)), ("redundancy 1", .redundancy(1)),
            ("RECOVERY WINDOW OF 7 DAYS", .window(days: 7)), ("recovery window of 1 week", .window(days: 7)),
            ("RECOVERY WINDOW OF 2 MONTHS", .window(days: 62)), ("30d", .window(days: 30)), ("4w", .window(days: 28)),
            ("3m", .window(days: 93)), ("14D", .window(days: 14)),
        ])
    func policies(_ text: String, _ policy: RetentionPolicy) { #expect(RetentionPolicy(text) == policy) }

    @Test(
        "what is no policy is refused",
        arguments: ["", "d", "0d", "7", "7y", "-7d", "REDUNDANCY", "REDUNDANCY 0", "RECOVERY WINDOW OF 7", "1 2 3 4 5"])
    func noPolicies(_ text: String) { #expect(RetentionPolicy(text) == nil) }

    @Test("redundancy keeps the newest good ones; those that have failed do not count")
    func redundancy() {
        let plan = Fixture.plan(
            [
                Fixture.backup(1, segment: 1), Fixture.backup(2, segment: 2), Fixture.backup(3, segment: 3),
                Fixture.backup(4, segment: 4, status: .failed), Fixture.backup(5, segment: 5, hasData: false),
            ], policy: "REDUNDANCY 2")
        #expect(plan.deletedIDs == [1, 4, 5].map(Fixture.id))
        #expect(plan.reason(1) == "2 newer ones are there")
        #expect(plan.reason(4).contains("failed"))
        #expect(plan.reason(5) == "its data is gone")
    }

    @Test("a window keeps the first backup before it, which it begins with")
    func window() {
        let backups = (90...99).map { Fixture.backup($0, segment: UInt64($0)) }
        let plan = Fixture.plan(backups, policy: "5d", today: 100)
        // Begins at midnight of day 95: that day's backup ends an hour later, so the one before is needed.
        #expect(plan.deletedIDs == (90...93).map(Fixture.id))
        #expect(plan.reason(94) == "the last 5 days begin with it")
        let later = Fixture.plan(backups, policy: "5d", today: 200)
        #expect(later.deletedIDs == plan.deletedIDs, "time ends a day after the last that the store has written")
    }

    @Test("a branch that was left, and what is kept alone, count for no policy")
    func useless() {
        // Day 95 was taken on timeline 1 behind the point where timeline 2, on which the cluster is, has left it.
        let backups = [
            Fixture.backup(90, segment: 2), Fixture.backup(93, segment: 4, keep: .standalone),
            Fixture.backup(95, segment: 9), Fixture.backup(99, segment: 12, timeline: 2),
        ]
        let histories = [Fixture.history(2, [(1, 6)])]
        for policy in ["4d", "REDUNDANCY 2"] {
            let plan = Fixture.plan(backups, histories: histories, policy: policy, today: 100)
            #expect(plan.isEmpty, "\(policy): only day 90 leads to what was before day 99")
        }
        #expect(
            Fixture.plan(backups, histories: histories, policy: "REDUNDANCY 1", today: 100).deletedIDs
                == [90, 95].map(Fixture.id))
    }

    @Test("a backup of snapshots is kept with its WAL: nobody but Barman can delete them")
    func snapshots() {
        var snapshot = Fixture.backup(1, segment: 3, hasData: false)
        snapshot.info?.others["snapshots_info"] = "{'provider': 'gcp'}"
        let backups = [Fixture.backup(0, segment: 1), snapshot, Fixture.backup(50, segment: 9)]
        let plan = Fixture.plan(backups, wal: Fixture.wal(0...10), policy: "REDUNDANCY 1")
        #expect(plan.deletedIDs == [Fixture.id(0)] && plan.walNumbers == (0...2).map { "1:\($0)" })
        snapshot.info?.others["snapshots_info"] = "None"
        #expect(Fixture.plan([snapshot, backups[2]], policy: nil).deletedIDs == [Fixture.id(1)])
    }

    @Test("pieces of the tail go with the segments that nobody needs")
    func tail() {
        var inventory = ArchiveInventory(backups: [Fixture.backup(50, segment: 5)], wal: Fixture.wal(0...6))
        inventory.tail = Fixture.wal(2...2) + Fixture.wal(7...7) + Fixture.wal(4...4, timeline: 2)
        let plan = RetentionPlan(inventory, .init(policy: nil, now: Fixture.time(100)))
        #expect(plan.tail.map(\.key.name) == ["000000010000000000000002.gz", "000000020000000000000004.gz"])
        #expect(plan.wal.map(\.name.segmentNumber) == [0, 1, 2, 3, 4])
    }

    @Test("the backup that the lock names may still be being taken, however long ago")
    func locked() {
        let id = Fixture.id(50)
        let folder = ArchiveInventory.Backup(
            id: id, objects: [Fixture.object("demo/base/\(id)/data.tar.gz", day: 50)])
        var inventory = ArchiveInventory(backups: [folder, Fixture.backup(99, segment: 5)])
        #expect(RetentionPlan(inventory, .init(policy: nil, now: Fixture.time(100))).deletedIDs == [id])
        inventory.locked = id
        #expect(RetentionPlan(inventory, .init(policy: nil, now: Fixture.time(100))).isEmpty)
    }

    @Test("the last good backup is never deleted, and the minimum holds against the policy")
    func minimum() {
        let backups = [Fixture.backup(1, segment: 1), Fixture.backup(2, segment: 2), Fixture.backup(3, segment: 3)]
        #expect(Fixture.plan(backups, policy: "REDUNDANCY 1", minimum: 2).deletedIDs == [Fixture.id(1)])
        #expect(Fixture.plan(backups, policy: "REDUNDANCY 1", minimum: 0).deletedIDs == [1, 2].map(Fixture.id))
        let one = Fixture.plan([Fixture.backup(1, segment: 1)], policy: "1d", only: 1)
        #expect(one.isEmpty)
        #expect(one.refusal(of: Fixture.id(1))?.contains("last good one") == true)
    }

    @Test("annotated backups stay and count; released ones go")
    func annotations() {
        let backups = [
            Fixture.backup(1, segment: 1, keep: .full), Fixture.backup(2, segment: 2), Fixture.backup(3, segment: 3),
        ]
        #expect(Fixture.plan(backups, policy: "REDUNDANCY 1").deletedIDs == [Fixture.id(2)])
        #expect(Fixture.plan(backups, policy: nil, only: 1).refusal(of: Fixture.id(1))?.contains("--release") == true)
    }

    @Test("a backup that is asked for goes alone, with the WAL that only it needed")
    func only() {
        let backups = [Fixture.backup(1, segment: 1), Fixture.backup(2, segment: 5), Fixture.backup(3, segment: 9)]
        let plan = Fixture.plan(backups, wal: Fixture.wal(0...12), policy: "REDUNDANCY 1", only: 1)
        #expect(plan.deletedIDs == [Fixture.id(1)])
        #expect(plan.walNumbers == (0...4).map { "1:\($0)" })
        #expect(plan.refusal(of: "20200101T000000")?.contains("no backup") == true)
    }

    @Test("an incremental backup keeps what it was made from")
    func parents() {
        let backups = [
            Fixture.backup(1, segment: 1), Fixture.backup(2, segment: 2, parent: 1),
            Fixture.backup(3, segment: 3, parent: 2), Fixture.backup(4, segment: 4),
        ]
        #expect(Fixture.plan(backups, policy: "REDUNDANCY 2").deletedIDs.isEmpty)
        #expect(Fixture.plan(backups, policy: "REDUNDANCY 2").reason(1).contains("was made from it"))
        #expect(Fixture.plan(backups, policy: "REDUNDANCY 1").deletedIDs == [1, 2, 3].map(Fixture.id))
    }

    @Test("a damaged backup.info is kept and told, and stops nothing else")
    func unreadable() {
        var damaged = Fixture.backup(2, segment: 2)
        damaged.info = nil
        damaged.unreadable = "why"
        let plan = Fixture.plan(
            [Fixture.backup(1, segment: 1), damaged, Fixture.backup(3, segment: 3), Fixture.backup(4, segment: 4)],
            wal: Fixture.wal(0...5), policy: "REDUNDANCY 1")
        #expect(plan.deletedIDs == [1, 3].map(Fixture.id))
        #expect(plan.unreadable.map(\.backup.id) == [Fixture.id(2)])
        // It began behind backup 1, so that one's WAL stays.
        #expect(plan.walNumbers == ["1:0"])
        let first = Fixture.plan([damaged, Fixture.backup(4, segment: 4)], wal: Fixture.wal(0...5), policy: "1d")
        #expect(first.wal.isEmpty && first.walHeld?.contains(Fixture.id(2)) == true)
    }

    @Test("unfinished backups go after a day without a sign of life, not before")
    func abandoned() {
        func folder(_ day: Int, touched: Int) -> ArchiveInventory.Backup {
            ArchiveInventory.Backup(
                id: Fixture.id(day),
                objects: [Fixture.object("demo/base/\(Fixture.id(day))/data_0001.tar.gz", day: touched)])
        }
        let plan = Fixture.plan(
            [
                folder(90, touched: 90), folder(95, touched: 100), folder(100, touched: 90),
                Fixture.backup(80, segment: 3, status: .started), Fixture.backup(1, segment: 1),
            ], policy: nil)
        #expect(plan.deletedIDs == [80, 90].map(Fixture.id))
        #expect(plan.reason(90).contains("no backup.info"))
        #expect(plan.reason(80).contains("STARTED"))
        #expect(plan.reason(95) == "may still be being taken")
        #expect(plan.reason(100) == "may still be being taken")
    }
}
