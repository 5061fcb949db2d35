import ClusterModel
import ObjectStorage
import TestSupport
import Testing

@testable import Archive

struct BackupCatalogueTests {
    private func backup(_ id: String, end: String?, status: BackupInfo.Status = .done) -> BackupInfo {
        var info = BackupInfo(id: id, status: status)
        info.endTime = end.flatMap { Timestamp($0) }
        info.beginLSN = LSN(rawValue: 1)
        info.endLSN = LSN(rawValue: 2)
        return info
    }

    private var catalogue: BackupCatalogue {
        BackupCatalogue(
            backups: [
                backup("20260101T000000", end: "2026-01-01T00:10:00Z"),
                backup("20260102T000000", end: "2026-01-02T00:10:00Z"),
                backup("20260103T000000", end: nil, status: .failed),
            ], unreadable: ["20260104T000000": "why"])
    }

    private func time(_ text: String) throws -> RecoveryTarget { .time(try #require(Timestamp(text))) }

    @Test("latest starts from the newest finished backup")
    func latest() throws { #expect(try catalogue.choose(for: .latest).id == "20260102T000000") }

    @Test("a time starts from the newest backup that was finished by then")
    func byTime() throws {
        #expect(try catalogue.choose(for: time("2026-01-05T00:00:00Z")).id == "20260102T000000")
        #expect(try catalogue.choose(for: time("2026-01-02T00:10:00Z")).id == "20260102T000000")
        #expect(try catalogue.choose(for: time("2026-01-02T00:09:59Z")).id == "20260101T000000")
    }

    @Test("a time before all backups is refused, with the first recoverable time")
    func tooEarly() throws {
        let target = try time("2025-12-31T00:00:00Z")
        #expect { try catalogue.choose(for: target) } throws: { "\($0)".contains("2026-01-01T00:10:00Z") }
    }

    @Test("a certain backup must be there, be finished, and not be later than the time")
    func byID() throws {
        #expect(try catalogue.choose(for: .latest, id: "20260101T000000").id == "20260101T000000")
        let cases: [(id: String, target: RecoveryTarget, word: String)] = [
            ("20250101T000000", .latest, "no backup"), ("20260103T000000", .latest, "FAILED"),
            ("20260104T000000", .latest, "why"), ("20260102T000000", try time("2026-01-02T00:00:00Z"), "earlier time"),
        ]
        for (id, target, word) in cases {
            #expect { try catalogue.choose(for: target, id: id) } throws: { "\($0)".contains(word) }
        }
    }

    @Test("an archive without a finished backup says so")
    func none() {
        #expect(throws: RestoreError.self) { try BackupCatalogue(backups: []).choose(for: .latest) }
    }

    @Test("the catalogue is read in order; foreign objects and unfinished folders are left out, damaged ones told")
    func reads() throws {
        let directory = try TemporaryDirectory()
        let store = DirectoryStore(root: directory.path)
        let layout = ArchiveLayout(server: "demo")
        for info in catalogue.backups.reversed() {
            #expect(try store.putIfAbsent(layout.backupInfo(info.id), Array(info.text.utf8)) == .created)
        }
        for (key, text): (ObjectKey, String) in [
            ("demo/base/20260109T000000/data.tar.gz", "x"), ("demo/base/notes/backup.info", "x"),
            ("demo/base/20260108T000000/backup.info", "status=ODD"),
        ] { #expect(try store.putIfAbsent(key, Array(text.utf8)) == .created) }
        let found = try BackupCatalogue.read(store, layout)
        #expect(found.backups == catalogue.backups)
        #expect(Array(found.unreadable.keys) == ["20260108T000000"])
        #expect(try BackupCatalogue.list(store, layout).map(\.id) == ["20260101T000000", "20260102T000000"])
    }
}
