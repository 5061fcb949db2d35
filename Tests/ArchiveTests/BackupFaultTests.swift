import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Base backups while something fails: the store, its disk, or the server itself.
@Suite(.ownThread)
struct BackupFaultTests {
    @Test(
        "a bucket that stumbles delays a backup, and nothing of it is wrong",
        arguments: ["status", "apply-status", "apply-cut", "error-200"])
    func stumbles(effect: String) async throws {
        let ours = try await BucketServer.ours()
        _ = try ours.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 200000) AS n")
        let status: Int64? = effect.hasSuffix("status") ? 503 : nil
        for (operation, skip) in [
            ("PutObject", 0), ("PutObject", 2), ("UploadPart", 0), ("UploadPart", 1), ("CompleteMultipartUpload", 0),
            ("CompleteMultipartUpload", 1), ("CreateMultipartUpload", 1),
        ] as [(String, Int64)] {
            // What has no answer in its body cannot fail in it.
            if effect == "error-200", operation != "CompleteMultipartUpload" { continue }
            try ours.place.bucket.fault(effect, operation, count: 1, skip: skip, status: status)
        }
        // What the backup stands and falls with, each of them.
        for key in ["backup.info", "data.index.json", "/backup-lock/"] where effect != "error-200" {
            try ours.place.bucket.fault(effect, "PutObject", key: key, count: 1, status: status)
        }
        let backup = try ours.backup()
        try ours.place.bucket.heal()
        let check = try verifyOne(ours.store(), ours.layout, .one(backup.id))
        #expect(check.isGood && check.comparedFiles > 900, "\(check.findings)")
        #expect(try BackupLock.current(ours.store(), ours.layout) == nil)
        #expect(try ours.place.bucket.proxy.violations() == [])
        try await ours.stop()
    }

    @Test("a bucket that refuses a part fails the backup in its own words, and keeps nothing of it")
    func refused() async throws {
        let ours = try await BucketServer.ours()
        _ = try ours.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 200000) AS n")
        for operation in ["UploadPart", "PutObject"] {
            try ours.place.bucket.fault("status", operation, key: "/data", status: 403, code: "AccessDenied")
        }
        #expect { try ours.backup() } throws: { "\($0)".contains("AccessDenied") }
        try ours.place.bucket.heal()
        #expect(try ours.keys("base/").isEmpty && ours.keys("pgmahout/base/").isEmpty)
        #expect(try BackupLock.current(ours.store(), ours.layout) == nil)
        let uploads = try ours.place.bucket.raw("GET", "?uploads")
        #expect(uploads.status == 200 && !uploads.body.contains("<Upload>"), "\(uploads.body)")
        #expect(try ours.backup().isComplete)
        try await ours.stop()
    }

    @Test("an archive without room fails the backup, keeps nothing of it, and takes the next one when there is room")
    func full() async throws {
        let root = try TemporaryDirectory()
        let disk = try await SmallFileSystem(at: root.directory("archive"), size: "2500k")
        let primary = try await ArchivedServer.primary(archive: disk.path)
        try primary.archiver.lease()
        #expect { try primary.backup() } throws: { "\($0)".contains("No space left") }
        #expect(try primary.store.listAll("demo/base/", recursive: true).objects.isEmpty)
        #expect(try primary.store.listAll(primary.layout.backupExtras, recursive: true).objects.isEmpty)
        #expect(try primary.store.listAll(primary.layout.backupLocks).objects.isEmpty)
        #expect(try Files.list(disk.path + "/.incoming").isEmpty)
        try await disk.remount("size=100m")
        #expect(try primary.backup().isComplete)
        try await primary.stop()
        try await disk.unmount()
    }

    @Test("a server that dies during its backup fails it, and nothing of it stays")
    func dies() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        var options = BaseBackup.Options()
        options.rate = 50 << 20
        #expect(throws: ArchiveError.self) {
            try BaseBackup.take(
                primary.archiver.settings, connection: primary.server.configuration.local(), options: options
            ) { if $0.phase == "copying" { primary.server.kill() } }
        }
        #expect(try primary.store.listAll("demo/base/", recursive: true).objects.isEmpty)
        #expect(try primary.store.listAll(primary.layout.backupLocks).objects.isEmpty)
        #expect(try Files.list(primary.archive + "/.incoming").isEmpty)
        try await primary.server.start(.primary)
        #expect(try primary.backup().isComplete)
        try await primary.stop()
    }
}
