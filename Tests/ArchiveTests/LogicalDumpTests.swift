import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Dumps of a real server by the real programs, and by ones that break off.
struct LogicalDumpTests {
    private let directory: TemporaryDirectory
    private let store: DirectoryStore
    private let layout = ArchiveLayout(server: "demo")

    init() throws {
        directory = try TemporaryDirectory()
        store = DirectoryStore(root: try directory.directory("archive"))
    }

    private func programs(_ server: PostgresServer, _ binaries: String? = nil) -> LogicalDumpRun.Server {
        LogicalDumpRun.Server(
            binDirectory: binaries ?? PostgresFixture.binaries.directory,
            connection: server.configuration.local(applicationName: "dump"), guardProgram: nil)
    }

    private func query(_ server: PostgresServer, _ database: String, _ sql: String) throws -> [[String?]] {
        var info = server.configuration.local(applicationName: "test")
        info.database = database
        let deadline = BootClock.now() + .seconds(10)
        let connection = try SQLConnection.open(info, deadline: deadline)
        defer { connection.close() }
        return try connection.query(sql, [], deadline: deadline)
    }

    /// A directory of programs of which pg_dump is this script.
    private func binaries(_ name: String, pgDump: String) throws -> String {
        try binaries(name, "pg_dump", pgDump)
    }

    private func binaries(_ name: String, _ replaced: String, _ script: String) throws -> String {
        let place = try directory.directory(name, mode: 0o755)
        for program in ["pg_dump", "pg_dumpall", "psql"] where program != replaced {
            #expect(symlink(PostgresFixture.binaries.path(program), "\(place)/\(program)") == 0)
        }
        try Files.writeDurably(Array("#!/bin/sh\n\(script)\n".utf8), to: "\(place)/\(replaced)", mode: 0o755)
        return place
    }

    private var published: [LogicalDump] { get throws { try LogicalDump.list(store, layout) } }

    private static let odd = #"My "data" größe"#
    private static let digest = "SELECT count(*), md5(string_agg(text, '|' ORDER BY id)) FROM lines"

    private func fill(_ server: PostgresServer) throws {
        _ = try server.query("CREATE ROLE app LOGIN")
        _ = try server.query(#"CREATE DATABASE "My ""data"" größe" OWNER app"#)
        _ = try query(server, Self.odd, "CREATE TABLE lines (id int PRIMARY KEY, text text)")
        // What looks like a part of the script, and is data.
        _ = try query(
            server, Self.odd,
            #"""
            INSERT INTO lines VALUES (1, E'\\connect postgres'), (2, '-- Name: x; Type: DATABASE PROPERTIES; Schema: -'),
            (3, E'two\nlines'), (4, 'CREATE ROLE app;')
            """#)
        _ = try query(server, Self.odd, #"ALTER DATABASE "My ""data"" größe" SET work_mem = '5MB'"#)
    }

    @Test(
        "all databases and roles are dumped, listed, and come back: one under another name, and all into another server"
    )
    func restores() async throws {
        let server = try await PostgresServer.primary()
        try fill(server)
        let dump = try LogicalDumpRun(programs(server), store, layout).take()
        #expect(try published == [dump])
        #expect(dump.databases == [Self.odd, "postgres"] && dump.parts.count == 3)
        #expect(dump.parts.allSatisfy { $0.bytes > 0 && $0.exitStatus == 0 && $0.sha256.count == 64 })
        let content = try query(server, Self.odd, Self.digest)

        var options = LogicalDumpRestore.Options()
        options.database = Self.odd
        #expect {
            try LogicalDumpRestore(dump, programs(server), store, layout).run(options)
        } throws: {
            "\($0)".contains("is there already")
        }
        options.into = "copy"
        #expect(try LogicalDumpRestore(dump, programs(server), store, layout).run(options) == ["copy"])
        #expect(try query(server, "copy", Self.digest) == content)
        #expect(try server.value("SELECT count(*) FROM pg_database WHERE datname = 'copy'") == "1")

        // Replaced when that is wanted.
        _ = try query(server, "copy", "DELETE FROM lines")
        options.force = true
        _ = try LogicalDumpRestore(dump, programs(server), store, layout).run(options)
        #expect(try query(server, "copy", Self.digest) == content)
        server.kill()

        let other = try await PostgresServer.primary()
        let made = try LogicalDumpRestore(dump, programs(other), store, layout).run(.init())
        #expect(made == [Self.odd, "postgres"])
        #expect(try query(other, Self.odd, Self.digest) == content)
        #expect(try query(other, Self.odd, "SHOW work_mem") == [["5MB"]])
        #expect(try other.value("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'app'") == "t")
        other.kill()
    }

    @Test("nothing is published of a dump whose program failed, was killed, or ended well without its last line")
    func broken() async throws {
        let server = try await PostgresServer.primary()
        let real = PostgresFixture.binaries.path("pg_dump")
        let scripts = [
            "\(real) \"$@\"; exit 1", "echo \"-- half\"; kill -9 $$", "\(real) \"$@\" | head -n -6",
            "echo \"-- half\"; exit 0",
        ]
        for (index, script) in scripts.enumerated() {
            let place = try binaries("bin-\(index)", pgDump: script)
            #expect(throws: ArchiveError.self, "\(script)") {
                try LogicalDumpRun(programs(server, place), store, layout).take()
            }
            #expect(try published.isEmpty, "\(script)")
            #expect(try store.listAll(layout.dumps).objects.isEmpty)
        }
        #expect(throws: ArchiveError.self) { try LogicalDumpRun(programs(server), store, layout).take(["none"]) }
        #expect(try LogicalDumpRun(programs(server), store, layout).take(["postgres"]).databases == ["postgres"])
        server.kill()
    }

    @Test("a damaged part is refused before its first statement")
    func damaged() async throws {
        let server = try await PostgresServer.primary()
        try fill(server)
        let dump = try LogicalDumpRun(programs(server), store, layout).take([Self.odd])
        let part = try #require(dump.parts.last)
        let path = "\(directory.path)/archive/\(layout.dumps)\(dump.id)/\(part.object)"
        var bytes = try Files.read(path)
        bytes[bytes.count / 2] ^= 1
        try Files.writeDurably(bytes, to: path)
        var options = LogicalDumpRestore.Options()
        options.database = Self.odd
        options.force = true
        #expect {
            try LogicalDumpRestore(dump, programs(server), store, layout).run(options)
        } throws: {
            "\($0)".contains("damaged")
        }
        #expect(try query(server, Self.odd, "SELECT count(*) FROM lines") == [["4"]], "it was dropped for nothing")
        server.kill()
    }

    @Test(
        "a restore that fails half-way puts the database back that it was to replace, and drops it only for a whole one"
    )
    func failsHalfWay() async throws {
        let server = try await PostgresServer.primary()
        try fill(server)
        let dump = try LogicalDumpRun(programs(server), store, layout).take([Self.odd])
        let databases = try server.value("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database")
        _ = try query(server, Self.odd, "INSERT INTO lines VALUES (1000, 'since the dump')")
        let psql = PostgresFixture.binaries.path("psql")
        // All but the last statements.
        let place = try binaries("half", "psql", "head -n 30 | \(psql) \"$@\"; exit 3")
        var options = LogicalDumpRestore.Options()
        options.database = Self.odd
        options.force = true
        #expect {
            try LogicalDumpRestore(dump, programs(server, place), store, layout).run(options)
        } throws: {
            "\($0)".contains("psql stopped")
        }
        #expect(try query(server, Self.odd, "SELECT count(*) FROM lines WHERE id = 1000") == [["1"]])
        #expect(try server.value("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database") == databases)
        _ = try LogicalDumpRestore(dump, programs(server), store, layout).run(options)
        #expect(try query(server, Self.odd, "SELECT count(*) FROM lines WHERE id = 1000") == [["0"]])
        #expect(try query(server, Self.odd, "SHOW work_mem") == [["5MB"]])
        #expect(try server.value("SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database") == databases)
        server.kill()
    }

    @Test("the newest are kept, and what was never published goes after a week")
    func pruned() throws {
        for day in [1, 2, 7, 8] {
            let id = RetentionFixture.id(day)
            let dump = LogicalDump(
                id: id, serverVersion: "15", startedAt: RetentionFixture.time(day).iso8601,
                finishedAt: RetentionFixture.time(day).iso8601, parts: [])
            #expect(try store.putIfAbsent(ObjectKey("\(layout.dumps)\(id)/globals.sql.gz"), [1]) == .created)
            if day != 2 { try dump.publish(store, layout) }
        }
        let part = LogicalDump.Part(
            database: nil, object: "gone.sql.gz", bytes: 1, uncompressedBytes: 1, sha256: "", exitStatus: 0)
        let robbed = LogicalDump(
            id: RetentionFixture.id(8) + "x", serverVersion: "15", startedAt: "", finishedAt: "", parts: [part])
        #expect { try robbed.publish(store, layout) } throws: { "\($0)".contains("not there any more") }
        let early = RetentionFixture.time(9)
        #expect(try LogicalDump.prune(store, layout, keep: 3, now: early).isEmpty)
        #expect(try store.listAll(layout.dumps).folders.count == 4, "it may still be being taken")
        let now = RetentionFixture.time(9, hour: 1)
        #expect(try LogicalDump.prune(store, layout, keep: 2, now: now) == [RetentionFixture.id(1)])
        #expect(try published.map(\.id) == [7, 8].map(RetentionFixture.id))
        let left = try store.listAll(layout.dumps, recursive: true).objects.map(\.key.text)
        #expect(left.count == 4 && !left.contains { $0.contains(RetentionFixture.id(2)) }, "\(left)")
    }
}
