import ClusterModel
import Testing

@testable import Archive

/// Which backup a recovery starts from: by ancestry and position, whatever the ids say.
struct BackupChoiceTests {
    private func backup(
        _ id: String, timeline: UInt32 = 1, _ begin: String, _ end: String, at time: String?,
        status: BackupInfo.Status = .done, system: UInt64 = 7
    ) -> BackupInfo {
        var info = BackupInfo(id: id, status: status)
        info.endTime = time.flatMap { Timestamp($0) }
        info.beginLSN = LSN(begin)
        info.endLSN = LSN(end)
        info.timeline = TimelineID(timeline)
        info.systemIdentifier = SystemIdentifier(rawValue: system)
        return info
    }

    private func history(_ timeline: UInt32, _ ancestors: [(UInt32, String)]) throws -> TimelineHistory {
        TimelineHistory(
            timeline: TimelineID(timeline),
            ancestors: try ancestors.map {
                TimelineHistory.Ancestor(timeline: TimelineID($0.0), end: try #require(LSN($0.1)))
            })
    }

    private var simple: BackupCatalogue {
        BackupCatalogue(
            backups: [
                backup("20260101T000000", "0/2000028", "0/2000100", at: "2026-01-01T00:10:00Z"),
                backup("20260102T000000", "0/5000028", "0/5000100", at: "2026-01-02T00:10:00Z"),
                backup("20260103T000000", "0/6000028", "0/6000100", at: nil, status: .failed),
            ], unreadable: ["20260104T000000": "why"])
    }

    private let first = ArchiveTimelines(histories: [:], folders: ["0000000100000000"])

    private func time(_ text: String) throws -> RecoveryTarget { .time(try #require(Timestamp(text))) }

    private func choose(
        _ catalogue: BackupCatalogue, _ timelines: ArchiveTimelines, _ target: RecoveryTarget, id: String? = nil
    ) throws -> String { try BackupChoice.make(catalogue, timelines, target, id: id).backup.id }

    @Test("the newest finished backup is taken that was finished by then")
    func newest() throws {
        #expect(try choose(simple, first, .latest) == "20260102T000000")
        #expect(try choose(simple, first, .immediate) == "20260102T000000")
        #expect(try choose(simple, first, time("2026-01-05T00:00:00Z")) == "20260102T000000")
        #expect(try choose(simple, first, time("2026-01-02T00:10:00Z")) == "20260102T000000")
        #expect(try choose(simple, first, time("2026-01-02T00:09:59Z")) == "20260101T000000")
        #expect(try choose(simple, first, RecoveryTarget(.position(LSN("0/50000FF")!))) == "20260101T000000")
        #expect(try choose(simple, first, RecoveryTarget(.position(LSN("0/5000100")!))) == "20260102T000000")
    }

    @Test("a target before all backups is refused, with the first that can be had")
    func tooEarly() throws {
        let early = try time("2025-12-31T00:00:00Z")
        #expect { try choose(simple, first, early) } throws: { "\($0)".contains("2026-01-01T00:10:00Z") }
        #expect { try choose(simple, first, RecoveryTarget(.position(LSN("0/1000000")!))) } throws: {
            "\($0)".contains("the first recoverable position is 0/2000100")
        }
    }

    @Test("a certain backup must be there, be finished, and not be later than the target; a name will do")
    func byID() throws {
        #expect(try choose(simple, first, .latest, id: "20260101T000000") == "20260101T000000")
        let cases: [(id: String, target: RecoveryTarget, word: String)] = [
            ("20250101T000000", .latest, "no backup"), ("20260103T000000", .latest, "FAILED"),
            ("20260104T000000", .latest, "why"), ("20260102T000000", try time("2026-01-02T00:00:00Z"), "earlier"),
        ]
        for (id, target, word) in cases {
            #expect { try choose(simple, first, target, id: id) } throws: { "\($0)".contains(word) }
        }
        var named = simple.backups
        named[0].name = "before-upgrade"
        #expect(try choose(BackupCatalogue(backups: named), first, .latest, id: "before-upgrade") == "20260101T000000")
        named[1].name = "before-upgrade"
        #expect { try choose(BackupCatalogue(backups: named), first, .latest, id: "before-upgrade") } throws: {
            "\($0)".contains("several")
        }
    }

    /// Timeline 2 left 1 at 0/4000000; timeline 3 left 1 at 0/7000000, after a restore; 4 was promised and never used.
    private func branches() throws -> (BackupCatalogue, ArchiveTimelines) {
        let catalogue = BackupCatalogue(backups: [
            backup("20260101T000000", timeline: 1, "0/2000028", "0/2000100", at: "2026-01-01T00:00:00Z"),
            // Taken on the branch that was left, and later than what is on the newest one.
            backup("20260109T000000", timeline: 2, "0/9000028", "0/9000100", at: "2026-01-09T00:00:00Z"),
            backup("20260105T000000", timeline: 1, "0/6000028", "0/6000100", at: "2026-01-05T00:00:00Z"),
            // Behind the fork of 3: only its own timeline leads on from it.
            backup("20260107T000000", timeline: 1, "0/8000028", "0/8000100", at: "2026-01-07T00:00:00Z"),
        ])
        let timelines = ArchiveTimelines(
            histories: [
                TimelineID(2): try history(2, [(1, "0/4000000")]), TimelineID(3): try history(3, [(1, "0/7000000")]),
                TimelineID(4): try history(4, []),
            ], folders: ["0000000100000000", "0000000200000000", "0000000300000000"])
        return (catalogue, timelines)
    }

    @Test("a branch that was left is on nobody's way, however late its backups are")
    func ancestry() throws {
        let (catalogue, timelines) = try branches()
        let choice = try BackupChoice.make(catalogue, timelines, .latest)
        #expect(choice.backup.id == "20260105T000000")
        #expect(choice.path.timeline == TimelineID(3))
        let own = try BackupChoice.make(catalogue, timelines, RecoveryTarget(.latest, timeline: .number(TimelineID(1))))
        #expect(own.backup.id == "20260107T000000")
        let left = RecoveryTarget(.latest, timeline: .number(TimelineID(2)))
        #expect(try choose(catalogue, timelines, left) == "20260109T000000")
        let current = RecoveryTarget(.latest, timeline: .current)
        #expect(
            try BackupChoice.make(catalogue, timelines, current, id: "20260107T000000").path.timeline == TimelineID(1))
        // The newest that it leads to.
        let certain = try BackupChoice.make(catalogue, timelines, .latest, id: "20260109T000000")
        #expect(certain.path.timeline == TimelineID(2))
    }

    @Test("a timeline that nobody knows, or that a backup does not lead to, is refused")
    func wrongTimeline() throws {
        let (catalogue, timelines) = try branches()
        func target(_ number: UInt32) -> RecoveryTarget {
            RecoveryTarget(.latest, timeline: .number(TimelineID(number)))
        }
        #expect { try choose(catalogue, timelines, target(9)) } throws: {
            "\($0)".contains("no history of timeline 9") && "\($0)".contains("1, 2, 3")
        }
        #expect { try choose(catalogue, timelines, target(3), id: "20260107T000000") } throws: {
            "\($0)".contains("behind 0/7000000, where timeline 3 left its timeline 1")
        }
        #expect { try choose(catalogue, timelines, target(3), id: "20260109T000000") } throws: {
            "\($0)".contains("no ancestor")
        }
    }

    @Test("backups of another system are left out, and an archive of another one is refused")
    func systems() throws {
        var backups = simple.backups
        backups.insert(backup("20250101T000000", "0/1", "0/2", at: "2025-01-01T00:00:00Z", system: 8), at: 0)
        let mixed = BackupCatalogue(backups: backups)
        #expect { try choose(mixed, first, time("2025-06-01T00:00:00Z")) } throws: {
            "\($0)".contains("the first recoverable time is 2026-01-01")
        }
        #expect {
            try BackupChoice.make(simple, first, .latest, system: SystemIdentifier(rawValue: 9))
        } throws: { "\($0)".contains("of the system 7, and 9 was expected") }
        #expect(throws: RestoreError.self) { try choose(BackupCatalogue(backups: []), first, .latest) }
    }

    // MARK: The way

    private func segment(_ timeline: UInt32, _ number: UInt64) -> WALSegment {
        WALSegment(timeline: TimelineID(timeline), number: number)
    }

    @Test("the way changes to the child's file where the fork is, and the first missing file is named")
    func reach() throws {
        let info = backup("20260101T000000", "0/2000028", "0/2000100", at: "2026-01-01T00:00:00Z")
        let path = try #require(RecoveryPath(from: info, to: try history(3, [(1, "0/4800000"), (2, "0/7000000")])))
        #expect([2, 3, 4, 5, 6, 7, 8].map { path.segment($0).timeline.rawValue } == [1, 1, 2, 2, 2, 3, 3])
        var files = Set([segment(1, 2), segment(1, 3), segment(2, 4), segment(2, 5), segment(2, 6), segment(3, 7)])
        #expect(path.reach(in: files).end == LSN("0/8000000"))
        #expect(path.reach(in: files).gap == nil)
        // What the dead primary wrote behind the fork is of another history.
        files.formUnion([segment(1, 4), segment(1, 5), segment(2, 7)])
        files.remove(segment(2, 5))
        let broken = path.reach(in: files)
        #expect(broken.end == LSN("0/5000000"))
        #expect(broken.last == segment(2, 4))
        #expect(broken.gap == segment(2, 5))
        #expect(broken.newest == segment(3, 7))
        let none = path.reach(in: [])
        #expect(none.last == nil && none.gap == nil && none.newest == nil)
        #expect(RecoveryPath(from: info, to: try history(3, [(1, "0/2000050")])) == nil, "it ends behind the fork")
    }
}
