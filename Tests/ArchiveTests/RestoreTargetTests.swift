import ClusterModel
import FoundationEssentials
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Every target, from a real archive by the built program.
@Suite(.ownThread)
struct RestoreTargetTests {
    private static let rows = "SELECT string_agg(n::text, ' ' ORDER BY n) FROM t"

    private struct Plan: Decodable {
        let feasible: Bool
        let problems: [String]
        let backup: String
        let firstMissingSegment: String?
        let lastCommit: String?
        let walEnd: LSN
    }

    private func plan(_ source: ArchivedServer, _ target: String, _ arguments: [String]) async throws -> Plan {
        let (_, text) = try await RestoreCommand.restore(
            source, to: target, ["--plan", "--output", "json"] + arguments)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("{") }, "\(text)")
        return try JSONDecoder().decode(Plan.self, from: Data(line.utf8))
    }

    @Test("a transaction, a position, a restore point, consistency, inclusive or not; and what a plan says")
    func targets() async throws {
        let primary = try await ArchivedServer.primary(parameters: ["max_connections": "37"])
        try primary.archiver.lease()
        let server = primary.server
        _ = try server.query("CREATE TABLE t (n int)")
        let backup = try primary.backup()
        // After the backup, so that consistency knows nothing of it.
        _ = try server.query("INSERT INTO t VALUES (1)")
        let second = try #require(
            try server.value("INSERT INTO t VALUES (2) RETURNING pg_current_xact_id()::text"))
        let position = try #require(try server.value("SELECT pg_current_wal_insert_lsn()"))
        _ = try server.query("INSERT INTO t VALUES (3)")
        _ = try server.query("SELECT pg_create_restore_point('here')")
        _ = try server.query("INSERT INTO t VALUES (4)")
        let name = try primary.switchSegment()
        try await eventually("the WAL is archived", within: .seconds(20)) { try primary.isArchived(name) }

        let root = try TemporaryDirectory()
        let cases: [(arguments: [String], rows: String?)] = [
            (["--to-xid", second], "1 2"), (["--to-xid", second, "--exclusive"], "1"),
            (["--to-lsn", position], "1 2"), (["--to-name", "here", "--timeline", "current"], "1 2 3"),
            (["--to-immediate"], nil), (["--timeline", "1"], "1 2 3 4"),
        ]
        for (number, expected) in cases.enumerated() {
            let target = root.file("target-\(number)")
            let (status, text) = try await RestoreCommand.restore(primary, to: target, expected.arguments)
            try #require(status == .exited(0), "\(expected.arguments): \(text)")
            #expect(try await RestoreCommand.ask(target, [Self.rows], in: root) == [expected.rows])
            try Files.removeTree(target)
        }

        // Prepared: the server recovers when it is started, with enough of what the former primary had.
        let prepared = root.file("prepared")
        let (status, text) = try await RestoreCommand.restore(
            primary, to: prepared, ["--recovery", "at-start", "--to-name", "here"])
        try #require(status == .exited(0), "\(text)")
        #expect(Files.exists(prepared + "/recovery.signal") && Files.exists(prepared + "/backup_label"))
        #expect(try await RestoreCommand.ask(prepared, [Self.rows], in: root) == ["1 2 3"])

        // Files only: nothing of the backup is changed, and PostgreSQL's own program finds nothing wrong.
        let files = root.file("files")
        let (unpacked, said) = try await RestoreCommand.restore(primary, to: files, ["--recovery", "none"])
        try #require(unpacked == .exited(0), "\(said)")
        #expect(try ControlData.read(dataDirectory: files).state == .inProduction)
        let configuration = try Files.readText(files + "/postgresql.conf")
        #expect(configuration.contains("archive_command"))
        #expect(!Files.exists(files + "/recovery.signal"))

        // Plans touch nothing, and say what is missing.
        let target = root.file("nothing")
        let far = try await plan(primary, target, ["--to-time", "2101-01-01 00:00 Europe/Berlin"])
        #expect(!far.feasible && far.problems.contains { $0.contains("does not reach 2100-12-31T23:00:00Z") })
        let known = try #require(far.lastCommit.flatMap { Timestamp($0) })
        let now = try #require(Timestamp(server.value("SELECT clock_timestamp()::text") ?? ""))
        #expect(known < now && now.microseconds - known.microseconds < 600_000_000)
        let good = try await plan(primary, target, [])
        #expect(good.feasible && good.backup == backup.id && good.firstMissingSegment == nil)
        #expect(good.walEnd.rawValue % backup.segmentSize == 0)
        let beyond = try await plan(primary, target, ["--to-lsn", "7/0"])
        #expect(!beyond.feasible)
        #expect(beyond.problems.contains { $0.contains("does not reach 7/0") }, "\(beyond.problems)")
        for _ in 0..<2 { try primary.switchSegment() }
        let last = try primary.switchSegment()
        try await eventually("the WAL is archived", within: .seconds(20)) { try primary.isArchived(last) }
        let middle = try #require(WALSegment(name, size: backup.segmentSize)).next
        try primary.store.delete(primary.layout.wal(.segment(middle), suffix: ".gz"))
        let broken = try await plan(primary, target, [])
        #expect(!broken.feasible && broken.firstMissingSegment == middle.description)
        #expect(broken.problems.contains { $0.contains("\(middle) is missing") })
        #expect(try await plan(primary, target, ["--to-name", "here"]).feasible, "what is before the gap can be had")
        #expect(!Files.exists(target))
        let (refused, reason) = try await RestoreCommand.restore(primary, to: target)
        #expect(refused == .exited(1) && reason.contains(middle.description))
        #expect(!Files.exists(target))
        try await primary.stop()
    }

    @Test("a killed restore leaves no target, and the next one clears up; a bucket gives the same as a directory")
    func killedAndBucket() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        _ = try primary.server.query("CREATE TABLE t AS SELECT generate_series(1, 5) AS n")
        _ = try primary.backup()
        let root = try TemporaryDirectory()
        try AsPostgres.own(root.path)
        let target = root.file("target")
        let staging = target + ".pgmahout-restore"
        try AsPostgres.own(primary.archive)
        let place = [
            "restore", "--server", ArchivedServer.serverName, "--bin-directory",
            PostgresFixture.binaries.directory, "--target-directory", target,
        ]
        for name in ["PG_VERSION", "recovery.signal", "backup_label.old"] {
            var command = Command(try ClusterPrograms.path(), place + ["--archive", primary.archive]).asPostgres
            command.output = .null
            command.error = .null
            let child = try TestChild(command)
            try await eventually("it is at work", within: .seconds(30), every: .milliseconds(1)) {
                Files.exists("\(staging)/\(name)") || child.status != nil
            }
            try #require(child.status == nil, "it was faster than the test")
            for process in Processes.postgres(dataDirectory: staging) { Processes.signal(process, SIGKILL) }
            child.kill(SIGKILL)
            _ = try await child.exit()
            #expect(!Files.exists(target), "killed when \(name) was there")
        }
        let (status, text) = try await RestoreCommand.restore(primary, to: target)
        try #require(status == .exited(0), "\(text)")
        #expect(!Files.exists(staging))
        #expect(try await RestoreCommand.ask(target, [Self.rows], in: root) == ["1 2 3 4 5"])
        try Files.removeTree(target)

        let bucket = try SignatureProxy.shared().bucket()
        var settings = S3Settings(
            bucket: bucket.name, prefix: "backups",
            credentials: .fixed(
                S3Credentials(
                    accessKeyID: SignatureProxy.accessKeyID, secretAccessKey: SignatureProxy.secretAccessKey)))
        settings.endpoint = bucket.proxy.url
        let store = try S3Store(settings)
        for object in try primary.store.listAll("demo/", recursive: true).objects {
            let content = try #require(try primary.store.readAll(object.key, limit: 1 << 30))
            #expect(try store.putIfAbsent(object.key, content) == .created)
        }
        var command = Command(
            try ClusterPrograms.path(), place + ["--archive", "s3://\(bucket.name)/backups"],
            environment: Command.inheritedEnvironment.merging([
                "S3_ENDPOINT": bucket.proxy.url, "S3_ACCESS_KEY_ID": SignatureProxy.accessKeyID,
                "S3_SECRET_ACCESS_KEY": SignatureProxy.secretAccessKey,
            ]) { $1 })
        command = command.asPostgres
        let (done, said) = try await TestChildren.output(of: command)
        try #require(done == .exited(0), "\(said)")
        #expect(try await RestoreCommand.ask(target, [Self.rows], in: root) == ["1 2 3 4 5"])
        try await primary.stop()
    }

    @Test("one database comes out of a backup, as a dump and into a server; what is there is left as it is")
    func database() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let server = primary.server
        _ = try server.query("CREATE DATABASE app")
        try app(server, "app", "CREATE TABLE t AS SELECT generate_series(1, 100) AS n")
        _ = try primary.backup()
        try app(server, "app", "DELETE FROM t")
        let name = try primary.switchSegment()
        try await eventually("the WAL is archived", within: .seconds(20)) { try primary.isArchived(name) }

        let root = try TemporaryDirectory()
        try AsPostgres.own(root.path)
        let dump = root.file("app.sql")
        let (status, text) = try await RestoreCommand.run(
            primary, ["restore", "database", "app", "--to-immediate", "--scratch-directory", root.file("scratch")],
            ["--file", dump])
        try #require(status == .exited(0), "\(text)")
        let sql = try Files.readText(dump, limit: 1 << 20)
        #expect(sql.contains("\n100\n") && sql.contains("PostgreSQL database dump complete"))
        #expect(try Files.list(root.path) == ["app.sql"], "the scratch directory is gone")
        let (again, why) = try await RestoreCommand.run(
            primary, ["restore", "database", "app", "--scratch-directory", root.file("scratch")], ["--file", dump])
        #expect(again == .exited(65) && why.contains("left as it is"))
        #expect(try Files.readText(dump, limit: 1 << 20) == sql)
        let (none, what) = try await RestoreCommand.run(
            primary, ["restore", "database", "nope", "--scratch-directory", root.file("scratch")],
            ["--file", root.file("none")])
        #expect(none == .exited(1) && what.contains("has no database 'nope'") && what.contains("app"), "\(what)")
        #expect(try Files.list(root.path) == ["app.sql"])
        try await primary.stop()
    }

    private func app(_ server: PostgresServer, _ database: String, _ sql: String) throws {
        var info = server.configuration.local(applicationName: "test")
        info.database = database
        let connection = try SQLConnection.open(info, deadline: BootClock.now() + .seconds(10))
        defer { connection.close() }
        _ = try connection.query(sql, deadline: BootClock.now() + .seconds(10))
    }

    @Test("a drill restores, looks, checks, records and clears up, also after one that was killed")
    func drill() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        _ = try primary.server.query("CREATE ROLE app")
        _ = try primary.server.query("CREATE TABLE t AS SELECT generate_series(1, 100) AS n")
        let backup = try primary.backup()
        let root = try TemporaryDirectory()
        try AsPostgres.own(root.path)
        let scratch = root.file("scratch")
        // What a killed drill leaves: data, and the sign that it is a drill's.
        try Files.makeDirectory(scratch + "/data")
        try Files.writeDurably([1], to: scratch + "/data/half")
        try Files.writeDurably([], to: scratch + "/pgmahout-scratch")
        try AsPostgres.own(root.path)
        let drill = ["drill", "run", "--scratch-directory", scratch, "--output", "json"]
        let (status, text) = try await RestoreCommand.run(
            primary, drill,
            ["--expect-role", "app", "--expect-database", "postgres", "--query", "SELECT count(*) = 100 FROM t"])
        try #require(status == .exited(0), "\(text)")
        let results = try DrillResult.list(primary.store, primary.layout)
        let result = try #require(results.first)
        #expect(result.succeeded && result.backup == backup.id && result.failure == nil)
        #expect(result.checks.map(\.name) == ["database postgres", "role app", "query 1", "pg_amcheck"])
        #expect(!result.checks.map(\.passed).contains(false), "\(result.checks)")
        #expect(
            Set(result.phases.map(\.name)).isSuperset(of: ["plan", "files", "sync", "recovery", "start", "queries"]))
        #expect(!Files.exists(scratch))

        let (failed, why) = try await RestoreCommand.run(
            primary, drill,
            ["--no-amcheck", "--expect-role", "nobody", "--query", "SELECT false", "--query", "SELECT 1/0"])
        #expect(failed == .exited(1) && why.contains("role nobody: is missing"), "\(why)")
        let second = try #require(try DrillResult.list(primary.store, primary.layout).last)
        #expect(!second.succeeded)
        #expect(second.checks.map(\.passed) == [false, false, false])
        #expect(second.checks.last?.detail.contains("division by zero") == true)
        #expect(!Files.exists(scratch))

        // Somebody else's directory is not a drill's to clear.
        try Files.makeDirectory(scratch)
        try Files.writeDurably([1], to: scratch + "/precious")
        try AsPostgres.own(root.path)
        let (refused, reason) = try await RestoreCommand.run(primary, drill, [])
        #expect(refused == .exited(65) && reason.contains("choose another place"), "\(reason)")
        #expect(try Files.read(scratch + "/precious") == [1])
        #expect(try DrillResult.list(primary.store, primary.layout).count == 2)
        try await primary.stop()
    }

    @Test("a restored cluster of another name is refused by the archive that it came from")
    func owner() throws {
        let directory = try TemporaryDirectory()
        let store = DirectoryStore(root: directory.path)
        let layout = ArchiveLayout(server: "demo")
        let system = SystemIdentifier(rawValue: 7)
        try ArchiveOwner.claim(store, layout, for: system, cluster: "old") {}
        try ArchiveOwner.claim(store, layout, for: system, cluster: "old") {}
        #expect { try ArchiveOwner.claim(store, layout, for: system, cluster: "new") {} } throws: {
            "\($0)".contains("belongs to the cluster 'old', and 'new' is another one of the same system")
        }
        // One that was claimed before clusters were told apart goes on.
        let before = ArchiveLayout(server: "before")
        try ArchiveOwner.claim(store, before, for: system) {}
        try ArchiveOwner.claim(store, before, for: system, cluster: "old") {}
    }

    @Test("a fetch by hand tells an absence from an archive that does not answer")
    func fetchOnce() async throws {
        let directory = try TemporaryDirectory()
        let archive = try directory.directory("archive")
        try AsPostgres.own(directory.path)
        func fetch(_ arguments: [String]) async throws -> Platform.ExitStatus {
            let command = Command(
                try ClusterPrograms.path(),
                ["wal-fetch", "--timeout", "0"] + arguments
                    + ["000000010000000000000001", directory.file("segment")])
            return try await TestChildren.output(of: command.asPostgres).status
        }
        let usual = ["--archive", archive, "--server", "demo"]
        #expect(try await fetch(usual) == .exited(255), "an empty mount point is no archive that ends")
        let store = DirectoryStore(root: archive)
        _ = try store.putIfAbsent(ObjectKey("demo/base/20260101T000000/backup.info"), [1])
        try AsPostgres.own(directory.path)
        #expect(try await fetch(usual) == .exited(1))
        #expect(try await fetch(["--archive", "/nowhere", "--server", "demo"]) == .exited(255))
        #expect(try await fetch(["--archive", archive]) == .exited(255), "nor is a mistake on the command line")
        _ = try store.putIfAbsent(
            ObjectKey("demo/wals/0000000100000000/000000010000000000000001"), [UInt8](repeating: 1, count: 8192))
        try AsPostgres.own(directory.path)
        #expect(try await fetch(usual) == .exited(255), "what is no segment is not absent")
        #expect(!Files.exists(directory.file("segment")))
    }
}
