import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Base backups of real servers, unpacked by Python as Barman does, and judged by PostgreSQL's own tools.
@Suite(.ownThread)
struct BaseBackupTests {
    @Test(
        "pg_verifybackup finds a backup with tablespaces whole, of every version of PostgreSQL",
        arguments: PostgresInstallation.all)
    func verified(installation: PostgresInstallation) async throws {
        let primary = try await ArchivedServer.primary(checksums: true, installation: installation)
        try primary.archiver.lease()
        let space = try primary.directory.directory("space \"1\"")
        try giveToPostgres(space)
        _ = try primary.server.query("CREATE TABLESPACE \"aside, o'clock\" LOCATION '\(space)'")
        let connection = try primary.server.connect()
        for statement in ["SET allow_in_place_tablespaces = on", "CREATE TABLESPACE inside LOCATION ''"] {
            _ = try connection.query(statement, deadline: BootClock.now() + .seconds(10))
        }
        connection.close()
        let oid = try #require(
            try primary.server.value("SELECT oid FROM pg_tablespace WHERE spcname LIKE 'aside%'"))
        _ = try primary.server.query(
            "CREATE TABLE far TABLESPACE \"aside, o'clock\" AS SELECT n, md5(n::text) FROM generate_series(1, 300000) n"
        )
        _ = try primary.server.query("CREATE TABLE near TABLESPACE inside AS SELECT 1 AS n")
        let backup = try primary.backup()
        #expect(backup.tablespaces.map(\.name) == ["aside, o'clock"])
        #expect(backup.tablespaces.map(\.location) == [space])
        let names = try primary.store.listAll("demo/base/\(backup.id)/").objects.map(\.key.name)
        #expect(names.contains("\(oid).tar.gz") && names.contains("\(oid)_0001.tar.gz"), "\(names)")
        let target = try await primary.unpackByPython(backup)
        #expect(!Files.exists(target + "/tablespace_map"))
        let manifest = String(decoding: try Files.read(target + "/backup_manifest"), as: UTF8.self)
        let isNew = try await installation.major() >= 17
        // The pg_verifybackup of 18 that there is for tests crashes on any backup, on pg_basebackup's as well. What it
        // would compare is compared by us, and another program judges the manifest.
        let verify =
            isNew
            ? Command(
                installation.binaries.directory + "/pg_combinebackup",
                [target, "-o", primary.directory.file("combined")])
            : Command(installation.binaries.directory + "/pg_verifybackup", ["-n", target])
        try await PostgresFixture.run(verify)
        let check = try primary.verify(.newest)
        #expect(check.isGood && check.comparedFiles > 900, "\(check.findings)")
        #expect(manifest.contains("\"PostgreSQL-Backup-Manifest-Version\": \(isNew ? 2 : 1)"))
        #expect(manifest.contains("\"System-Identifier\": \(try #require(backup.systemIdentifier))") == isNew)
        // And it is not blind.
        if isNew { try await PostgresFixture.run(Command("/bin/rm", ["-r", primary.directory.file("combined")])) }
        let file = target + "/PG_VERSION"
        try Files.writeDurably(Array(try Files.read(file).reversed()), to: file)
        try giveToPostgres(file)
        await #expect(throws: FixtureError.self) { try await PostgresFixture.run(verify) }
        try await primary.stop()
    }

    @Test("an index tells where each file is, and its chunks make up the whole part")
    func indexes() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let backup = try primary.backup()
        var paths: Set<String> = []
        for object in try primary.store.listAll("demo/base/\(backup.id)/").objects {
            guard let (name, _) = BackupPartName.parse(object.key.name) else { continue }
            let index = try #require(
                try BackupPartIndex.read(primary.store, primary.layout, part: name, of: backup.id))
            #expect(index.size == object.size)
            let frame = UInt64(GzipFrame.size)
            #expect(index.chunks.reduce(frame) { $0 + UInt64($1.compressed) } == object.size)
            let tar = try #require(try primary.store.readGzip(object.key, limit: 1 << 30))
            #expect(UInt64(tar.count) == index.uncompressedSize)
            for file in index.files {
                #expect(paths.insert(file.path).inserted)
                let bytes = tar[Int(file.offset)..<Int(file.offset + file.size)]
                if file.path == "PG_VERSION" { #expect(String(decoding: bytes, as: UTF8.self) == "15\n") }
            }
            #expect(index.directories.isEmpty == (name.number > 0))
        }
        #expect(paths.isSuperset(of: ["PG_VERSION", "global/pg_control", "backup_label", "backup_manifest"]))
        try await primary.stop()
    }

    @Test("a page whose checksum is wrong is found and named, and no backup is made of it unless that is wanted")
    func corruptPage() async throws {
        let primary = try await ArchivedServer.primary(checksums: true)
        try primary.archiver.lease()
        _ = try primary.server.query("CREATE TABLE t AS SELECT n FROM generate_series(1, 10000) AS n")
        _ = try primary.server.query("CHECKPOINT")
        let path = try #require(try primary.server.value("SELECT pg_relation_filepath('t')"))
        let file = primary.server.dataDirectory + "/" + path
        _ = try primary.backup()
        let descriptor = open(file, O_WRONLY)
        var noise: UInt64 = 0x1234_5678_9ABC_DEF0
        #expect(pwrite(descriptor, &noise, 8, 3 * 8192 + 4000) == 8)
        close(descriptor)
        #expect {
            try primary.backup()
        } throws: { "\($0)".contains("page 3 of '\(path)'") }
        let before = try primary.store.listAll("demo/base/", recursive: true).objects
        #expect(before.filter { $0.key.name == "backup.info" }.count == 1)
        #expect(try primary.store.listAll(primary.layout.backupExtras).folders.count == 1)
        var options = BaseBackup.Options()
        options.keepsCorruptPages = true
        let kept = try primary.backup(options)
        #expect(kept.isComplete && kept.corruptPages == ["page 3 of '\(path)'"])
        // And everybody who reads of it learns it.
        #expect(try BackupCatalogue.list(primary.store, primary.layout).last == kept)
        let check = try primary.verify(.newest)
        #expect(check.findings.map(\.kind) == [.corruptPages])
        #expect(check.findings.first?.detail.contains("page 3 of '\(path)'") == true)
        let (status, text) = try await primary.pgmahout(["backup", "list"])
        #expect(status == .exited(0) && text.contains("done, 1 corrupt page"), "\(text)")
        try await primary.stop()
    }

    @Test(
        "only one backup runs at a time: another is refused with the name of the first, and a dead one's place is taken"
    )
    func oneAtATime() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        var options = BaseBackup.Options()
        options.member = "pg-2"
        let lock = try BackupLock(primary.store, primary.layout, name: "pg-7", backupID: "20260101T000000") {}
        #expect {
            try primary.backup(options)
        } throws: { "\($0)".contains("pg-7 is taking backup 20260101T000000") }
        #expect(try BackupLock.current(primary.store, primary.layout)?.name == "pg-7")
        lock.end()
        #expect(try BackupLock.current(primary.store, primary.layout) == nil)
        #expect(try primary.store.listAll(primary.layout.backupLocks).objects.isEmpty)
        // Of a process that is gone, as kill -9 leaves it.
        let content = """
            {"backupID":"20260101T000000","name":"pg-9","process":1,"processSpace":"elsewhere","processStart":1,
            "renewedAt":"2026-01-01T00:00:00Z","startedAt":"2026-01-01T00:00:00Z"}
            """
        _ = try primary.store.putIfAbsent(primary.layout.backupLock(41), Array(content.utf8))
        let left = primary.layout.dataPart(1, of: "20260101T000000", suffix: ".gz")
        _ = try primary.store.putIfAbsent(left, [1, 2, 3])
        #expect(try primary.backup(options).isComplete)
        // It may only be cut off: what it has stored stays, and it can never publish that.
        let failed = try #require(try BackupCatalogue.read(primary.store, primary.layout).backups.first)
        #expect(failed.id == "20260101T000000" && failed.status == .failed && !failed.isComplete)
        #expect(failed.error?.contains("pg-9 gave no sign of life") == true && failed.endTime == nil)
        #expect(try primary.store.head(left) != nil)
        #expect(try primary.store.listAll(primary.layout.backupLocks).objects.isEmpty)
        // A foreign one that gave a sign of life.
        let now = Timestamp(microseconds: BootClock.wallClockMilliseconds() * 1000).iso8601
        let alive = content.replacing("2026-01-01T00:00:00Z", with: now)
        _ = try primary.store.putIfAbsent(primary.layout.backupLock(42), Array(alive.utf8))
        #expect { try primary.backup(options) } throws: { "\($0)".contains("pg-9") }
        try await primary.stop()
    }

    @Test("a backup of a standby ends although its primary is idle, and is refused where the other kind is wanted")
    func fromStandby() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let standby = try await ArchivedServer.standby(of: primary)
        _ = try primary.server.query("CREATE TABLE t AS SELECT n FROM generate_series(1, 10000) AS n")
        let position = try #require(try primary.server.value("SELECT pg_current_wal_flush_lsn()"))
        try await eventually("the standby has replayed it", within: .seconds(20)) {
            try standby.server.value("SELECT pg_last_wal_replay_lsn() >= '\(position)'") == "t"
        }
        var options = BaseBackup.Options()
        options.source = .primary
        #expect { try standby.backup(options) } throws: { "\($0)".contains("this member is a standby") }
        options.source = .standby
        #expect { try primary.backup(options) } throws: { "\($0)".contains("this member is the primary") }
        options.archiveWait = .seconds(60)
        let backup = try standby.backup(options)
        #expect(backup.label?.contains("BACKUP FROM: standby") == true)
        let last = try #require(backup.endWAL)
        #expect(try primary.isArchived("\(last)"))
        let target = try await primary.unpackByPython(backup)
        try await PostgresFixture.run(
            Command(PostgresFixture.binaries.directory + "/pg_verifybackup", ["-n", target]))
        try await standby.stop()
        try await primary.stop()
    }

    @Test("a backup in a bucket, restored as it was taken, is what pg_verifybackup expects")
    func inBucket() async throws {
        let ours = try await BucketServer.ours()
        _ = try ours.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 200000) AS n")
        let backup = try ours.backup()
        #expect(try ours.keys("base/\(backup.id)/").count > 2)
        let check = try verifyOne(ours.store(), ours.layout, .one(backup.id))
        #expect(check.isGood && check.comparedFiles > 900, "\(check.findings)")
        let (status, text) = try await ours.restore(to: ours.directory.file("target"), ["--recovery", "none"])
        #expect(status == .exited(0), "\(text)")
        try await PostgresFixture.run(
            Command(
                PostgresFixture.binaries.directory + "/pg_verifybackup", ["-n", ours.directory.file("target")]))
        try await ours.stop()
    }

    @Test("a standby that is promoted during its backup fails it, and nothing of it stays")
    func promoted() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let standby = try await ArchivedServer.standby(of: primary)
        // It belongs to root here: what it fetches, the server could not read.
        _ = try await standby.archiver.stop()
        let progress = PromotingProgress(standby.server)
        #expect {
            try BaseBackup.take(
                standby.archiver.settings, connection: standby.server.configuration.local(),
                progress: progress.show)
        } throws: { "\($0)".contains("promoted") || "\($0)".contains("timeline changed") }
        #expect(progress.isPromoted)
        #expect(try primary.store.listAll("demo/base/", recursive: true).objects.isEmpty)
        try await standby.stop()
        try await primary.stop()
    }

    @Test("a rate limit holds")
    func rate() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        var options = BaseBackup.Options()
        options.rate = 20 << 20
        let start = BootClock.now()
        let backup = try primary.backup(options)
        let size = try #require(backup.size)
        // The first megabytes come at once.
        let least = Duration.milliseconds(Int64(Double(size) / Double(options.rate) * 1000) - 300)
        #expect(BootClock.now().since(start) >= least)
        try await primary.stop()
    }
}

/// Promotes a standby as soon as its backup copies.
private final class PromotingProgress {
    private let server: PostgresServer
    private(set) var isPromoted = false

    init(_ server: PostgresServer) { self.server = server }

    func show(_ progress: ArchiveProgress) {
        guard progress.phase == "copying", !isPromoted else { return }
        isPromoted = (try? server.query("SELECT pg_promote(true, 60)", within: .seconds(60)).first?.first) == "t"
    }
}

private enum GzipFrame {
    /// Header and trailer.
    static let size = 20
}

extension ArchivedServer {
    /// Unpacks a backup as barman-cloud-restore does: one part after the other, by Python's stream reader.
    func unpackByPython(_ backup: BackupInfo) async throws -> String {
        let target = try directory.directory("unpacked-\(backup.id)")
        let script = """
            import os, re, sys, tarfile
            source, target = sys.argv[1:]
            os.chmod(target, 0o700)
            for name in sorted(os.listdir(source)):
                part = re.match(r'(data|[0-9]+)(_[0-9]{4})?[.]tar[.]gz$', name)
                if not part: continue
                place = target if part[1] == 'data' else target + '/pg_tblspc/' + part[1]
                with tarfile.open(source + '/' + name, 'r|gz') as archive: archive.extractall(place)
            """
        let source = "\(archive)/demo/base/\(backup.id)"
        let (status, text) = try await TestChildren.output(
            of: Command("/usr/bin/env", ["python3", "-c", script, source, target]))
        guard status.isSuccess else { throw FixtureError(text) }
        try AsPostgres.own(target)
        return target
    }
}
