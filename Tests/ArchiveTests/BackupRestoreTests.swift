import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Base backups of real servers, restored by the built program and compared.
@Suite(.ownThread)
struct BackupRestoreTests {
    private let fingerprint = "SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM t"

    @Test("a backup is restored to latest and to a time, and what comes out is a cluster of its own")
    func restores() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        _ = try primary.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 20000) AS n")
        _ = try primary.server.query("CREATE UNLOGGED TABLE u AS SELECT 1 AS n")
        let backup = try primary.backup()
        #expect(backup.isComplete)
        #expect(try BackupCatalogue.list(primary.store, primary.layout).map(\.id) == [backup.id])
        _ = try primary.server.query("INSERT INTO t VALUES (-1, 'before')")
        let before = try primary.server.value(fingerprint)
        let time = try #require(try primary.server.value("SELECT clock_timestamp()::text"))
        _ = try primary.server.query("INSERT INTO t VALUES (-2, 'after')")
        let after = try primary.server.value(fingerprint)
        let name = try primary.switchSegment()
        try await eventually("the WAL is archived", within: .seconds(20)) { try primary.isArchived(name) }
        let objects = try primary.store.listAll("", recursive: true)

        let root = try TemporaryDirectory()
        let questions = [
            fingerprint, "SELECT count(*) FROM u", "SHOW archive_mode", "SHOW primary_conninfo", "SHOW restore_command",
            "SELECT timeline_id FROM pg_control_checkpoint()",
        ]
        for (arguments, expected) in [([], after), (["--to-time", time], before)] {
            let target = root.file(arguments.isEmpty ? "latest" : "time")
            let (status, text) = try await RestoreCommand.restore(primary, to: target, arguments)
            #expect(status == .exited(0), "\(text)")
            #expect(try ControlData.read(dataDirectory: target).state == .shutDown)
            for file in ["pgmahout.json", "standby.signal", "recovery.signal", "backup_label", "postmaster.pid"] {
                #expect(!Files.exists("\(target)/\(file)"))
            }
            #expect(try await RestoreCommand.ask(target, questions, in: root) == [expected, "0", "off", "", "", "2"])
        }
        #expect(try Set(Files.list(root.path)).isSuperset(of: ["latest", "time"]))
        #expect(try Files.list(root.path).allSatisfy { !$0.contains("pgmahout-restore") })
        #expect(try primary.store.listAll("", recursive: true) == objects, "a restore only reads the archive")
        try await primary.stop()
    }

    @Test("what cannot be restored is refused with the reason, and leaves nothing behind")
    func refusals() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let backup = try primary.backup()
        let root = try TemporaryDirectory()
        let target = root.file("target")
        func refused(_ arguments: [String], _ word: String) async throws {
            let (status, text) = try await RestoreCommand.restore(primary, to: target, arguments)
            #expect(!status.isSuccess)
            #expect(text.contains(word), "\(text)")
            #expect(try Files.list(root.path).isEmpty)
        }
        let end = try #require(backup.endTime)
        try await refused(["--to-time", "2001-01-01T00:00:00Z"], "the first recoverable time is \(end.iso8601)")
        try await refused(["--to-time", "2101-01-01T00:00:00Z"], "the archive does not reach 2101-01-01T00:00:00Z")
        try await refused(["--backup", "20010101T000000"], "holds no backup")
        let part = "\(primary.archive)/demo/base/\(backup.id)/data.tar.gz"
        let whole = try Files.read(part)
        try Files.writeDurably(Array(whole.prefix(whole.count - 100)), to: part, mode: 0o644)
        try await refused([], "data.tar.gz' in the archive is damaged")
        try Files.writeDurably(whole, to: part, mode: 0o644)
        // The segment that the backup needs to become consistent.
        let segment = try #require(backup.endWAL)
        try primary.store.delete(primary.layout.wal(.segment(segment), suffix: ".gz"))
        try await refused([], "is missing, without which backup \(backup.id) is not consistent")
        _ = try root.directory("target")
        try Files.writeDurably([1], to: target + "/file")
        let (status, text) = try await RestoreCommand.restore(primary, to: target)
        #expect(!status.isSuccess)
        #expect(text.contains("not an empty directory"), "\(text)")
        #expect(try Files.read(target + "/file") == [1])
        try await primary.stop()
    }

    @Test("an interrupted restore is cleared up by the next one, and an empty target directory is taken")
    func interrupted() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        _ = try primary.backup()
        let root = try TemporaryDirectory()
        let target = try root.directory("target")
        let staging = try root.directory("target.pgmahout-restore")
        try Files.writeDurably([], to: staging + "/pgmahout-restore")
        try giveToPostgres(staging + "/pgmahout-restore")
        try Files.writeDurably([1], to: staging + "/half")
        let (status, text) = try await RestoreCommand.restore(primary, to: target)
        #expect(status == .exited(0), "\(text)")
        #expect(!Files.exists(target + "/half"))
        #expect(!Files.exists(staging))
        try await primary.stop()
    }

    @Test("Python's stream reader, which Barman restores with, reads every part; pg_control and the label come last")
    func pythonReads() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let backup = try primary.backup()
        let parts = try primary.store.listAll("demo/base/\(backup.id)/").objects.map(\.key.name)
        #expect(parts == ["backup.info", "data.tar.gz", "data_0001.tar.gz"])
        let script = """
            import tarfile, sys
            names = []
            for part in sys.argv[1:]:
                with tarfile.open(part, 'r|gz') as archive:
                    own = []
                    for m in archive:
                        assert m.isfile() or m.isdir(), m.name
                        if m.isfile(): assert len(archive.extractfile(m).read()) == m.size
                        own.append(m.name)
                    names.append(own)
            assert names[0][0] == '.', names[0][0]
            assert names[0][-3:] == ['global/pg_control', 'backup_label', 'backup_manifest'], names[0][-3:]
            flat = [n for own in names for n in own]
            assert len(flat) == len(set(flat)) and 'PG_VERSION' in flat and 'pg_wal' in flat
            assert not [n for n in flat if n.startswith('pg_wal/') or n in ('postmaster.pid', 'pgmahout.json')]
            print('good')
            """
        let files = parts.dropFirst().map { "\(primary.archive)/demo/base/\(backup.id)/\($0)" }
        let (status, text) = try await TestChildren.output(
            of: Command("/usr/bin/env", ["python3", "-c", script] + files))
        #expect(status.isSuccess)
        #expect(text == "good\n")
        try await primary.stop()
    }

    @Test("a backup that cannot be completed is no backup, and takes its parts away again")
    func incomplete() async throws {
        let primary = try await ArchivedServer.primary()
        // Without a lease the WAL never reaches the archive.
        var options = BaseBackup.Options()
        options.archiveWait = .seconds(1)
        #expect { try primary.backup(options) } throws: { "\($0)".contains("did not reach the archive") }
        #expect(try primary.store.listAll("demo/base/", recursive: true).objects.isEmpty)
        #expect(try Files.list(primary.archive + "/.incoming").isEmpty)
        _ = try primary.server.query("SELECT pg_switch_wal()", within: .seconds(5))
        // Another data directory than the server's.
        var settings = primary.archiver.settings
        settings.dataDirectory = primary.directory.path
        #expect {
            try BaseBackup.take(settings, connection: primary.server.configuration.local())
        } throws: { "\($0)".contains("was to be backed up") }
        try await primary.stop()
    }
}
