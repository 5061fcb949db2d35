import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("SQL connection")
struct SQLConnectionTests {
    private func soon(_ limit: Duration = .seconds(10)) -> Instant { BootClock.now() + limit }

    /// How long `body` takes to fail, and with what.
    private func failure(_ body: () throws -> Void) -> (error: SQLError?, after: Duration) {
        let start = BootClock.now()
        do {
            try body()
            return (nil, .zero)
        } catch {
            return (error as? SQLError, BootClock.now().since(start))
        }
    }

    @Test("answers with rows, parameters, NULL and nothing")
    func rows() async throws {
        let server = try await PostgresServer.primary()
        let connection = try server.connect()
        #expect(try connection.query("SELECT 1, NULL, 'ü'", deadline: soon()) == [["1", nil, "ü"]])
        #expect(
            try connection.query("SELECT $1::text, $2::int + 1, $3::text", ["it's", "41", nil], deadline: soon())
                == [["it's", "42", nil]])
        #expect(try connection.query("CREATE TABLE t (i int)", deadline: soon()) == [])
        let large = String(repeating: "x", count: 4 << 20)
        #expect(try connection.query("SELECT length($1)", [large], deadline: soon()) == [["4194304"]])
        #expect(connection.serverVersion >= 150000)
        #expect(connection.backendProcess > 0)
    }

    @Test("goes on after an error of a statement, which carries its SQLSTATE")
    func errors() async throws {
        let server = try await PostgresServer.primary()
        let connection = try server.connect()
        let error = #expect(throws: SQLError.self) { try connection.query("SELECT 1 / 0", deadline: soon()) }
        #expect(error?.kind == .server)
        #expect(error?.sqlState == "22012")
        #expect(try connection.query("SELECT 1", deadline: soon()) == [["1"]])
        let copy = #expect(throws: SQLError.self) { try connection.query("COPY pg_class TO STDOUT", deadline: soon()) }
        #expect(copy?.kind == .disconnected)
        #expect(!connection.isOpen)
    }

    @Test("ends a call at its deadline, drops the connection, and the server cancels the statement")
    func deadline() async throws {
        let server = try await PostgresServer.primary()
        let connection = try server.connect()
        let (error, after) = failure {
            _ = try connection.query("SELECT pg_sleep(600)", deadline: soon(.milliseconds(300)))
        }
        #expect(error?.kind == .timedOut)
        #expect(after >= .milliseconds(300) && after < .seconds(3))
        #expect(!connection.isOpen)
        #expect(failure { _ = try connection.query("SELECT 1", deadline: soon()) }.error?.kind == .disconnected)
        try await eventually("the server has cancelled it") {
            try server.value(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' AND pid <> pg_backend_pid()
                """) == "0"
        }
    }

    @Test("returns at the deadline when postmaster and backend are stopped, for old and new connections")
    func stopped() async throws {
        let server = try await PostgresServer.primary()
        let connection = try server.connect()
        let backend = connection.backendProcess
        server.signal(SIGSTOP)
        defer { server.signal(SIGCONT) }
        Processes.signal(backend, SIGSTOP)
        let (old, oldAfter) = failure { _ = try connection.query("SELECT 1", deadline: soon(.milliseconds(300))) }
        #expect(old?.kind == .timedOut)
        #expect(oldAfter >= .milliseconds(300) && oldAfter < .seconds(3))
        for host in [server.socketDirectory, "127.0.0.1"] {
            var info = server.configuration.local()
            info.host = host
            let (new, newAfter) = failure { _ = try SQLConnection.open(info, deadline: soon(.milliseconds(300))) }
            #expect(new?.kind == .timedOut)
            #expect(newAfter >= .milliseconds(300) && newAfter < .seconds(3))
        }
        Processes.signal(backend, SIGCONT)
    }

    @Test("notices a server that was killed")
    func killed() async throws {
        let server = try await PostgresServer.primary()
        let connection = try server.connect()
        server.kill()
        let (error, _) = failure { _ = try connection.query("SELECT 1", deadline: soon()) }
        #expect(error?.kind == .disconnected)
        #expect(!connection.isOpen)
    }

    @Test("tells a shutdown by its SQLSTATE")
    func shutDown() async throws {
        let server = try await PostgresServer.primary()
        let connection = try server.connect()
        try await server.stop()
        let (error, _) = failure { _ = try connection.query("SELECT 1", deadline: soon()) }
        #expect(error?.kind == .disconnected)
        #expect(error?.sqlState == "57P01")
    }

    @Test("tells a server that is not there by socket and by TCP")
    func refused() throws {
        let directory = try TemporaryDirectory()
        var info = ConnectionInfo(host: directory.path, port: try FreePort.take(), user: "x", applicationName: "test")
        #expect(failure { _ = try SQLConnection.open(info, deadline: soon()) }.error?.kind == .refused)
        info.host = "127.0.0.1"
        #expect(failure { _ = try SQLConnection.open(info, deadline: soon()) }.error?.kind == .refused)
    }

    @Test("tells a server that starts up from one that is not there")
    func startingUp() async throws {
        let primary = try await PostgresServer.primary()
        let server = try PostgresServer(member: "pg-2")
        // Without the WAL of the backup it never becomes consistent.
        var command = PostgresFixture.tools.baseBackup(
            from: primary.configuration.upstream(host: "127.0.0.1", port: primary.port), into: server.dataDirectory)
        command.arguments.removeAll { $0.hasPrefix("--wal-method") }
        command.arguments.append("--wal-method=none")
        try await PostgresFixture.run(command)
        try server.configuration.prepareStart(.standby(upstream: nil, slot: nil))
        try server.startPostmaster()
        let error = try await eventualValue("it listens") { () -> SQLError? in
            let error = failure { _ = try server.connect() }.error
            return error?.kind == .refused ? nil : error
        }
        #expect(error.kind == .startingUp)
        #expect(error.sqlState == "57P03")
    }

    @Test("takes its password from the file, and tells a wrong one")
    func passwords() async throws {
        let directory = try TemporaryDirectory()
        try Files.writeDurably("ri:ght\n".utf8, to: directory.file("secret"))
        let server = try PostgresServer(replicationPasswordFile: directory.file("secret"))
        try await PostgresFixture.initialize(server.dataDirectory, replicationPassword: "ri:ght")
        try await server.start(.primary)
        var info = server.configuration.upstream(host: "127.0.0.1", port: server.port)
        #expect(try SQLConnection.open(info, deadline: soon()).query("SELECT 1", deadline: soon()) == [["1"]])
        try PasswordFile([("replicator", "wrong")]).write(to: directory.file("pgpass"))
        info.passwordFile = directory.file("pgpass")
        let wrong = failure { _ = try SQLConnection.open(info, deadline: soon()) }.error
        #expect(wrong?.kind == .authentication)
        #expect(wrong?.sqlState == "28P01")
        info.passwordFile = nil
        #expect(failure { _ = try SQLConnection.open(info, deadline: soon()) }.error?.kind == .authentication)
        info.user = "postgres"
        let noLine = failure { _ = try SQLConnection.open(info, deadline: soon()) }.error
        #expect(noLine?.sqlState == "28000")
    }

    @Test("reaches a server by name, in bounded time")
    func names() async throws {
        let server = try await PostgresServer.primary()
        var info = server.configuration.upstream(host: "localhost", port: server.port)
        let resolver = try HostResolver()
        let connection = try SQLConnection.open(info, deadline: soon(), resolver: resolver)
        #expect(try connection.query("SELECT 1", deadline: soon()) == [["1"]])
        info.host = "no-such-host.invalid"
        let (error, after) = failure {
            _ = try SQLConnection.open(info, deadline: soon(.seconds(2)), resolver: resolver)
        }
        #expect(error?.kind == .unreachable || error?.kind == .timedOut)
        #expect(after < .seconds(3))
        #expect(HostResolver.isAddress("10.0.0.1") && HostResolver.isAddress("fe80::1"))
        #expect(!HostResolver.isAddress("localhost") && !HostResolver.isAddress("10.0.0"))
    }
}
