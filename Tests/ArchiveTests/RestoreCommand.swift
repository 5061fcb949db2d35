import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

/// Restores by the built program, and looks at what came out.
enum RestoreCommand {
    /// Runs `pgmahout restore` as the postgres user.
    static func restore(_ source: ArchivedServer, to target: String, _ arguments: [String] = []) async throws
        -> (status: Platform.ExitStatus, text: String)
    {
        try AsPostgres.own(source.archive)
        let command = Command(
            try ClusterPrograms.path(),
            [
                "restore", "--archive", source.archive, "--server", ArchivedServer.serverName, "--bin-directory",
                PostgresFixture.binaries.directory, "--target-directory", target,
            ] + arguments)
        return try await TestChildren.output(of: command.asPostgres)
    }

    /// Runs another subcommand about the same archive as the postgres user.
    static func run(_ source: ArchivedServer, _ command: [String], _ arguments: [String]) async throws
        -> (status: Platform.ExitStatus, text: String)
    {
        try AsPostgres.own(source.archive)
        let place = [
            "--archive", source.archive, "--server", ArchivedServer.serverName, "--bin-directory",
            PostgresFixture.binaries.directory,
        ]
        return try await TestChildren.output(
            of: Command(try ClusterPrograms.path(), command + place + arguments).asPostgres)
    }

    /// Starts a restored directory with nothing but its own configuration, on another port, and asks it.
    /// - Parameter settings: over those of its configuration.
    static func ask(
        _ directory: String, _ sql: [String], in root: TemporaryDirectory, settings: [String] = []
    ) async throws -> [String?] {
        let port = try FreePort.take()
        let socket = try root.directory("socket-\(port)")
        var command = PostgresFixture.tools.postmaster(directory)
        command.arguments += ["-p", "\(port)", "-k", socket] + settings.flatMap { ["-c", $0] }
        command.output = .null
        command.error = .null
        let server = try TestChild(command.asPostgres)
        defer { Processes.killPostgres(postmaster: server.process, dataDirectory: directory) }
        let info = ConnectionInfo(host: socket, port: port, user: PostgresFixture.superuser, applicationName: "test")
        let connection = try await eventualValue("the restored server answers", within: .seconds(20)) {
            try? SQLConnection.open(info, deadline: BootClock.now() + .seconds(2))
        }
        let answers = try sql.map {
            try connection.query($0, deadline: BootClock.now() + .seconds(10)).first?.first ?? nil
        }
        connection.close()
        server.kill(SIGINT)
        #expect(try await server.exit() == .exited(0))
        return answers
    }
}
