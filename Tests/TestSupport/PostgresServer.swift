import ClusterModel
import Glibc
import Platform
import Postgres
import Synchronization

/// One real server of a test: its own directories, port and socket. Killed and removed when the value goes away.
package final class PostgresServer: Sendable {
    package let root: TemporaryDirectory
    package let configuration: ServerConfiguration
    package let installation: PostgresInstallation
    private let child = Mutex<TestChild?>(nil)

    package var dataDirectory: String { configuration.dataDirectory }
    package var port: Int { configuration.port }
    package var socketDirectory: String { configuration.runDirectory }
    /// What the server wrote to its standard error.
    package var logFile: String { root.file("postgres.log") }

    /// A server that is not started, and has no data directory yet.
    package init(
        member: MemberName = "pg-1", parameters: [String: String] = [:],
        archive: ServerConfiguration.ArchiveClient? = nil, replicationPasswordFile: String? = nil,
        jsonLog: Bool = false, installation: PostgresInstallation = PostgresFixture.standard
    ) throws {
        self.installation = installation
        root = try TemporaryDirectory(inMemory: true)
        TestJanitor.look(after: root.path)
        let quick = [
            "fsync": "off", "shared_buffers": "16MB", "max_connections": "30",
            // A server that is killed leaves it in its data directory, and not in /dev/shm.
            "dynamic_shared_memory_type": "mmap",
        ]
        configuration = ServerConfiguration(
            member: member, dataDirectory: root.file("data"), runDirectory: try root.directory("run"),
            listen: "127.0.0.1", port: try FreePort.take(), superuser: PostgresFixture.superuser,
            replicationUser: PostgresFixture.replicationUser, replicationPasswordFile: replicationPasswordFile,
            parameters: quick.merging(parameters) { $1 }, archive: archive,
            log: jsonLog ? .jsonLines(directory: root.file("log")) : .standardError)
    }

    /// A running primary on a copy of the template.
    package static func primary(
        member: MemberName = "pg-1", parameters: [String: String] = [:],
        archive: ServerConfiguration.ArchiveClient? = nil, jsonLog: Bool = false,
        installation: PostgresInstallation = PostgresFixture.standard
    ) async throws -> PostgresServer {
        let server = try PostgresServer(
            member: member, parameters: parameters, archive: archive, jsonLog: jsonLog, installation: installation)
        let template = try await installation.template()
        try await PostgresFixture.run(Command("/bin/cp", ["-a", template, server.dataDirectory]))
        try await server.start(.primary)
        return server
    }

    /// A running standby of this server, made by pg_basebackup, with a slot of its own here.
    package func standby(
        member: MemberName, parameters: [String: String] = [:], archive: ServerConfiguration.ArchiveClient? = nil
    ) async throws -> PostgresServer {
        let server = try PostgresServer(
            member: member, parameters: parameters, archive: archive, installation: installation)
        let slot = SlotName.of(member)
        _ = try query("SELECT pg_create_physical_replication_slot('\(slot)', true)")
        let source = server.configuration.upstream(host: "127.0.0.1", port: port)
        try await PostgresFixture.run(
            installation.tools.baseBackup(from: source, into: server.dataDirectory, slot: slot))
        try await server.start(.standby(upstream: source, slot: slot))
        return server
    }

    deinit { kill() }

    // MARK: Running

    /// Writes the configuration and starts the postmaster; returns once it answers.
    package func start(_ role: ServerConfiguration.Role) async throws {
        try configuration.prepareStart(role)
        try startPostmaster()
        try await eventually("the server answers", within: .seconds(30)) {
            guard self.child.withLock({ $0?.status }) == nil else {
                throw FixtureError("the postmaster ended: \((try? Files.readText(self.logFile)) ?? "")")
            }
            return (try? self.query("SELECT 1")) != nil
        }
    }

    /// As `start`, without configuration and without waiting.
    package func startPostmaster() throws {
        try AsPostgres.own(root.path)
        var command = installation.tools.postmaster(dataDirectory).asPostgres
        let log = try FileDescriptor(opening: logFile, O_WRONLY | O_CREAT | O_APPEND)
        command.output = .descriptor(log.rawValue)
        command.error = command.output
        let started = try TestChild(command)
        child.withLock { $0 = started }
    }

    /// Makes a running server take a new configuration.
    package func reload(_ role: ServerConfiguration.Role) throws {
        try configuration.write(role)
        try AsPostgres.own(dataDirectory)
        signal(SIGHUP)
    }

    /// - Parameter signal: SIGINT is a fast shutdown, SIGQUIT an immediate one.
    @discardableResult
    package func stop(_ signal: Int32 = SIGINT) async throws -> ExitStatus? {
        guard let running = child.withLock({ $0 }) else { return nil }
        running.kill(signal)
        let status = try await running.exit(within: .seconds(30))
        child.withLock { $0 = nil }
        return status
    }

    /// Kills the postmaster and all backends.
    package func kill() {
        guard let running = child.withLock({ $0.take() }) else { return }
        guard running.status == nil, let path = try? Files.canonicalPath(dataDirectory) else { return }
        Processes.killPostgres(postmaster: running.process, dataDirectory: path)
    }

    package var postmaster: ProcessID? { child.withLock { $0?.process } }

    package func signal(_ signal: Int32) { child.withLock { _ = $0?.kill(signal) } }

    // MARK: Asking

    package func connect(within limit: Duration = .seconds(5)) throws -> SQLConnection {
        try SQLConnection.open(configuration.local(applicationName: "test"), deadline: BootClock.now() + limit)
    }

    /// One statement on a connection of its own, as superuser.
    @discardableResult
    package func query(_ sql: String, within limit: Duration = .seconds(10)) throws -> [[String?]] {
        let connection = try connect(within: limit)
        defer { connection.close() }
        return try connection.query(sql, deadline: BootClock.now() + limit)
    }

    /// The first column of the first row.
    package func value(_ sql: String) throws -> String? { try query(sql).first?.first ?? nil }

    package func report() throws -> LocalReport {
        let connection = try connect()
        defer { connection.close() }
        return try LocalReport.take(on: connection, deadline: BootClock.now() + .seconds(5))
    }

    /// Runs psql, for what SQLConnection does not do: several statements, COPY, `\` commands.
    package func psql(_ script: String) async throws -> String {
        let arguments = ["-XAtq", "-v", "ON_ERROR_STOP=1", "-d", configuration.local().conninfo, "-c", script]
        return try await PostgresFixture.run(
            Command(installation.binaries.path("psql"), arguments, environment: installation.tools.environment))
    }
}
