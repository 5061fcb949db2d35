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
