import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Bootstrap of a cluster")
struct BootstrapTests {
    @Test("names and passwords cannot end their statement")
    func quoting() throws {
        let script = try Bootstrap.script(
            superuser: "post\"gres", superuserPassword: "a'; DROP", replicationUser: "r", replicationPassword: nil)
        #expect(script.hasPrefix("ALTER ROLE \"post\"\"gres\" PASSWORD 'a''; DROP';\n\n"))
        #expect(throws: DataDirectoryError.self) {
            try Bootstrap.script(
                superuser: "p", superuserPassword: "a;\n\nDROP", replicationUser: "r", replicationPassword: nil)
        }
    }

    @Test("a superuser that replicates by itself gets no role of its own")
    func sameUser() throws {
        let script = try Bootstrap.script(
            superuser: "p", superuserPassword: nil, replicationUser: "p", replicationPassword: "x")
        #expect(script == "ALTER ROLE \"p\" PASSWORD 'x';\n\n")
    }

    @Test("initdb makes what was asked for: checksums, encoding, locale, segment size, roles with passwords")
    func initdb() async throws {
        let server = try PostgresServer()
        let settings = Tools.InitialSettings(
            superuser: "postgres", encoding: "UTF8", locale: "C", dataChecksums: true, walSegmentSize: 4 << 20,
            options: ["--allow-group-access"])
        try await PostgresFixture.initialize(server.dataDirectory, settings, replicationPassword: "it's; secret")
        let control = try ControlData.read(dataDirectory: server.dataDirectory)
        #expect(control.dataChecksums)
        #expect(control.walSegmentSize == 4 << 20)
        #expect(control.state == .shutDown)
        try await server.start(.primary)
        #expect(try server.value("SHOW data_checksums") == "on")
        #expect(try server.value("SHOW server_encoding") == "UTF8")
        #expect(try server.value("SELECT datcollate FROM pg_database WHERE datname = 'postgres'") == "C")
        let role = try server.query(
            """
            SELECT rolreplication::text, rolsuper::text, left(passwd, 14),
                   pg_has_role(rolname, 'pg_monitor', 'USAGE')::text
            FROM pg_roles JOIN pg_shadow ON usename = rolname WHERE rolname = 'replicator'
            """)
        #expect(role == [["true", "false", "SCRAM-SHA-256$", "true"]])
    }

    @Test("a script that fails makes the whole step fail")
    func failingScript() async throws {
        let directory = try TemporaryDirectory()
        let data = directory.file("data")
        try await PostgresFixture.initialize(data)
        // The role is there already.
        let script = try Bootstrap.script(
            superuser: "postgres", superuserPassword: nil, replicationUser: "replicator", replicationPassword: "hidden")
        let input = try Bootstrap.descriptor(of: script)
        let command = PostgresFixture.tools.finishBootstrap(in: data, script: input.rawValue)
        let (status, text) = try await TestChildren.output(of: command.asPostgres)
        #expect(!status.isSuccess)
        #expect(text.contains("already exists"))
        #expect(!text.contains("hidden"))
    }

    @Test("variables that would change what the programs do are not passed on")
    func environment() {
        let tools = Tools(
            binaries: PostgresBinaries(directory: "/pg/bin"),
            environment: ["PGHOST": "evil", "PGMAHOUT_X": "1", "LC_COLLATE": "tr_TR", "PATH": "/bin", "TZ": "UTC"])
        #expect(tools.environment == ["PATH": "/pg/bin:/bin", "LC_ALL": "C", "TZ": "UTC"])
    }

    @Test("checksums are turned off in the way that each version knows", arguments: [(17, 0), (18, 1)])
    func noChecksums(major: Int, count: Int) {
        let settings = Tools.InitialSettings(superuser: "p", dataChecksums: false)
        let arguments = PostgresFixture.tools.initdb(into: "/d", settings, major: major).arguments
        #expect(arguments.filter { $0 == "--no-data-checksums" }.count == count)
        #expect(!arguments.contains("--data-checksums"))
    }
}
