import Glibc
import Platform
import TestSupport

/// A bare server on a unix socket, as the postgres user. All of its processes are killed when the value goes away.
final class PostgresUnderTest: Sendable {
    let dataDirectory: String
    private let directory: TemporaryDirectory
    let postmaster: TestChild

    private static let binaries = "/usr/lib/postgresql/15/bin"

    /// Returns once the server answers.
    init(parameters: [String: String] = [:]) async throws {
        directory = try TemporaryDirectory()
        dataDirectory = directory.file("data")
        let log = try FileDescriptor(opening: directory.file("log"), O_WRONLY | O_CREAT | O_APPEND)
        var initdb = Command(
            "\(Self.binaries)/initdb", ["-D", dataDirectory, "-U", "postgres", "-A", "trust", "--no-sync"])
        initdb.output = .descriptor(log.rawValue)
        guard try await TestChildren.run(initdb.asPostgres).isSuccess else {
            throw SystemError("initdb: " + (try Files.readText(directory.file("log"))), code: 0)
        }
        var arguments = ["-D", dataDirectory, "-k", directory.path, "-c", "listen_addresses=", "-c", "fsync=off"]
        for (name, value) in parameters { arguments += ["-c", "\(name)=\(value)"] }
        var server = Command("\(Self.binaries)/postgres", arguments).asPostgres
        server.output = .descriptor(log.rawValue)
        server.error = server.output
        postmaster = try TestChild(server)
        try await eventually("postgres answers", within: .seconds(30), every: .milliseconds(50)) {
            try await query("select 1").status.isSuccess
        }
    }

    deinit {
        Processes.killPostgres(
            postmaster: postmaster.status == nil ? postmaster.process : 0, dataDirectory: dataDirectory)
    }

    func query(_ sql: String) async throws -> (status: Platform.ExitStatus, text: String) {
        try await TestChildren.output(of: psql(sql))
    }

    /// The living processes of the server, whether or not it has a postmaster.
    var processes: Set<ProcessID> {
        Set(
            Processes.postgres(
                postmaster: postmaster.status == nil ? postmaster.process : 0, dataDirectory: dataDirectory))
    }

    /// A backend that runs a query which never looks at anything, not even whether its postmaster lives.
    func startBusyBackend() async throws -> ProcessID {
        // The client ends by itself once its backend is gone.
        var client = psql("do $$ begin loop end loop; end $$")
        client.error = .null
        _ = try TestChildren.registry.spawn(client) { _, _ in }
        return try await eventualValue("a backend is busy") {
            let rows = try await query(
                "select pid from pg_stat_activity where query like 'do $$%' and state = 'active'")
            return ProcessID(rows.text.prefix { $0 != "\n" })
        }
    }

    var socketDirectory: String { directory.path }

    private func psql(_ sql: String) -> Command {
        let arguments = ["-h", directory.path, "-U", "postgres", "-d", "postgres", "-X", "-A", "-t", "-c", sql]
        return Command("\(Self.binaries)/psql", arguments)
    }
}
