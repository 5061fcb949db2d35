import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Archive

/// Archives that barman-cloud has written, old and new, in our hands; and archives that both write into.
@Suite(.ownThread)
struct BarmanWritesTests {
    private let fingerprint = "SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM t"
    private let harmless = ["archive_mode=off", "restore_command=", "hot_standby=off"]

    @Test("backups of barman are listed, and restored to latest and to a time", arguments: Barman.all)
    func restores(barman: Barman) async throws {
        let theirs = try await BucketServer.theirs()
        _ = try theirs.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 50000) AS n")
        let id = try await theirs.backup(by: barman)
        _ = try theirs.server.query("INSERT INTO t VALUES (-1, 'before')")
        let before = try theirs.server.value(fingerprint)
        let time = try #require(try theirs.server.value("SELECT clock_timestamp()::text"))
        _ = try theirs.server.query("INSERT INTO t VALUES (-2, 'after')")
        let after = try theirs.server.value(fingerprint)
        try await theirs.switchSegment()
        try await theirs.ship(by: barman)

        let catalogue = try BackupCatalogue.read(theirs.store(), theirs.layout)
        #expect(catalogue.unreadable.isEmpty)
        let backup = try #require(catalogue.backups.first)
        #expect(backup.isComplete && backup.id == id)
        #expect(
            backup.systemIdentifier?.description
                == (try theirs.server.value(
                    "SELECT system_identifier FROM pg_control_system()")))
        let (listed, list) = try await theirs.pgmahout(["backup", "list", "--output", "json"])
        #expect(listed.isSuccess && list.contains(id), "\(list)")

        let root = try TemporaryDirectory()
        for (arguments, expected) in [([], after), (["--to-time", time], before)] {
            let target = root.file(arguments.isEmpty ? "latest" : "time")
            let (status, text) = try await theirs.restore(to: target, arguments)
            #expect(status.isSuccess, "\(text)")
            #expect(try await RestoreCommand.ask(target, [fingerprint], in: root, settings: harmless) == [expected])
        }
        try await theirs.stop()
    }

    @Test("a backup of barman in several parts and without compression is restored", arguments: Barman.all)
    func parts(barman: Barman) async throws {
        let theirs = try await BucketServer.theirs()
        _ = try theirs.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 100000) AS n")
        let expected = try theirs.server.value(fingerprint)
        // Uncompressed, and a new part after so many bytes.
        let id = try await theirs.backup(by: barman, ["--max-archive-size", "12MB"])
        let parts = try theirs.keys("base/\(id)/").map { $0.split(separator: "/").last ?? "" }
        #expect(parts.contains("data.tar") && parts.contains("data_0001.tar"), "\(parts)")
        let root = try TemporaryDirectory()
        let (status, text) = try await theirs.restore(to: root.file("restored"))
        #expect(status.isSuccess, "\(text)")
        #expect(
            try await RestoreCommand.ask(root.file("restored"), [fingerprint], in: root, settings: harmless)
                == [expected])
        try await theirs.stop()
    }

    @Test("segments of barman are fetched whole, and one in a format that we do not read is never taken for absent")
    func fetchesWAL() async throws {
        let barman = Barman.all[1]
        let theirs = try await BucketServer.theirs()
        let zipped = try await theirs.switchSegment()
        let content = try Files.read("\(theirs.directory.path)/outbox/\(zipped)", limit: 32 << 20)
        try await theirs.ship(by: barman)
        let plain = try await theirs.switchSegment()
        let packed = try await theirs.switchSegment()
        let outbox = theirs.directory.file("outbox")
        try await barman.must("wal-archive", at: theirs.place, ["\(outbox)/\(plain)"])
        try await barman.must("wal-archive", ["--bzip2"], at: theirs.place, ["\(outbox)/\(packed)"])
        let root = try TemporaryDirectory()
        func fetch(_ name: String) throws(ArchiveError) -> Bool {
            let file = WALFileName(ofAnySize: name)
            guard let file, let store = try? theirs.store() else { throw ArchiveError(.refused, "no store") }
            return try WALFetch(store: store, layout: theirs.layout).fetch(
                WALFetch.Request(name: file, path: root.file(name)), of: nil)
        }
        #expect(try fetch(zipped))
        #expect(try Files.read(root.file(zipped), limit: 32 << 20) == content)
        #expect(try fetch(plain))
        #expect { try fetch(packed) } throws: { "\($0)".contains("'.bz2', which cannot be read here") }
        #expect(try !fetch("0000000100000000000000EE"))
        try await theirs.stop()
    }

    @Test("barman and we write into one archive, and each restores the other's", arguments: Barman.all)
    func mixed(barman: Barman) async throws {
        let server = try await BucketServer.theirs()
        _ = try server.server.query("CREATE TABLE t AS SELECT n FROM generate_series(1, 20000) AS n")
        let theirs = try await server.backup(by: barman)
        _ = try server.server.query("INSERT INTO t VALUES (-1)")
        // From here on the WAL is ours, in the same folder; the last segment of theirs once more, to no harm.
        let archiver = try await RunningArchiver(server.settings, lease: true)
        try await server.switchSegment()
        let ours = try await backup(server, by: archiver)
        _ = try server.server.query("INSERT INTO t VALUES (-2)")
        let expected = try server.server.value(fingerprint)
        let last = try await server.switchSegment()
        try await push(server, by: archiver)
        #expect(try BackupCatalogue.list(server.store(), server.layout).map(\.id) == [theirs, ours.id])
        let list = try await barman.must("backup-list", at: server.place)
        #expect(list.contains(theirs) && list.contains(ours.id), "\(list)")

        let root = try TemporaryDirectory()
        let (status, text) = try await server.restore(to: root.file("ours"), ["--backup", theirs])
        #expect(status.isSuccess, "\(text)")
        #expect(
            try await RestoreCommand.ask(root.file("ours"), [fingerprint], in: root, settings: harmless) == [expected])
        let target = try root.directory("theirs")
        try await barman.must("restore", at: server.place, [ours.id, target])
        var segment = try #require(ours.beginWAL)
        while segment.description <= last {
            try await barman.must(
                "wal-restore", at: server.place, [segment.description, "\(target)/pg_wal/\(segment)"])
            segment = segment.next
        }
        try AsPostgres.own(target)
        #expect(try await RestoreCommand.ask(target, [fingerprint], in: root, settings: harmless) == [expected])
        _ = try await archiver.stop()
        try await server.stop()
    }

    /// What waits in the outbox goes through our archiver.
    private func push(_ server: BucketServer, by archiver: RunningArchiver) async throws {
        for name in try Files.list(server.directory.file("outbox")).sorted() where !name.hasPrefix(".") {
            let (status, text) = try await WALClient.push(archiver, name)
            guard status.isSuccess else { throw FixtureError("\(name): \(text)") }
            try Files.remove(server.directory.file("outbox/\(name)"))
        }
    }

    /// Of ours, while its WAL is pushed.
    private func backup(_ server: BucketServer, by archiver: RunningArchiver) async throws -> BackupInfo {
        let outcome = Shared()
        let thread = try WorkerThread(name: "backup", capacity: 1)
        thread.submit { outcome.set(Result { () throws(ArchiveError) in try server.take() }) }
        return try await eventualValue("the backup is done", within: .seconds(120)) {
            try await push(server, by: archiver)
            return try outcome.get()?.get()
        }
    }

    private final class Shared: Sendable {
        private let value = Mutex<Result<BackupInfo, ArchiveError>?>(nil)
        func set(_ result: Result<BackupInfo, ArchiveError>) { value.withLock { $0 = result } }
        func get() -> Result<BackupInfo, ArchiveError>? { value.withLock { $0 } }
    }
}

extension BucketServer {
    fileprivate func take() throws(ArchiveError) -> BackupInfo {
        try BaseBackup.take(settings, connection: server.configuration.local(applicationName: "backup"))
    }
}
