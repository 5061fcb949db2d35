import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

@testable import Logs

/// A real server whose logging collector writes into the FIFOs of a pump.
private final class LoggingServer: Sendable {
    let root: TemporaryDirectory
    let child: TestChild
    private let port: Int

    init(_ fifos: PostgresLogFIFOs, standardError: Int32) async throws {
        root = try TemporaryDirectory()
        TestJanitor.look(after: root.path)
        port = try FreePort.take()
        let data = root.file("data")
        let template = try await PostgresFixture.template()
        try await PostgresFixture.run(Command("/bin/cp", ["-a", template, data]))
        let directory = fifos.json.dropLast("/\(PostgresLogFIFOs.jsonName)".count)
        let settings = [
            "logging_collector=on", "log_destination=jsonlog", "log_directory=\(directory)",
            "log_filename=postgres.log", "log_rotation_age=0", "log_rotation_size=0", "log_truncate_on_rotation=off",
            "log_timezone=UTC", "fsync=off", "listen_addresses=", "port=\(port)",
            "unix_socket_directories=\(root.path)", "archive_mode=on",
            "archive_command=echo cannot archive %f >&2; false", "hba_file=\(root.file("hba"))",
        ]
        try Files.writeDurably("local all all trust\n".utf8, to: root.file("hba"))
        try giveToPostgres(root.file("hba"))
        var command = Command(
            PostgresFixture.binaries.path("postgres"), ["-D", data] + settings.flatMap { ["-c", $0] })
        command.output = .descriptor(standardError)
        command.error = .descriptor(standardError)
        child = try TestChild(command.asPostgres)
        try await eventually("the server answers", within: .seconds(30)) { try await self.sql("SELECT 1").isEmpty }
    }

    deinit {
        guard child.status == nil, let path = try? Files.canonicalPath(root.file("data")) else { return }
        Processes.killPostgres(postmaster: child.process, dataDirectory: path)
    }

    /// Runs a script; returns what psql complained of.
    func sql(_ script: String) async throws -> String {
        let (status, text) = try await TestChildren.output(
            of: Command(
                PostgresFixture.binaries.path("psql"),
                ["-XAtq", "-h", root.path, "-p", "\(port)", "-U", "postgres", "-d", "postgres", "-o", "/dev/null"]
                    + ["-c", script]))
        return status.isSuccess ? "" : text
    }

    func stop() async throws {
        child.kill(SIGINT)
        _ = try await child.exit(within: .seconds(30))
    }
}

@Suite(.ownThread) struct RealPostgresLogTests {
    @Test("what a real server logs comes out as our lines, from its first word to its last", .timeLimit(.minutes(2)))
    func wholeLife() async throws {
        let pump = try RunningPump()
        let standardError = try #require(pump.standardError)
        let server = try await LoggingServer(pump.fifos, standardError: standardError)

        func line(_ what: String, _ condition: (JSONLine) -> Bool) async throws -> JSONLine {
            try await eventualValue(what, within: .seconds(20)) { try pump.lines().first(where: condition) }
        }

        // Before the collector: the postmaster's own standard error.
        _ = try await line("the plain beginning") {
            $0["msg"]?.text?.hasPrefix("redirecting log output") == true && $0["hint"] != nil
        }
        let ready = try await line("the ready message") {
            $0["msg"]?.text?.hasSuffix("ready to accept connections") == true
        }
        #expect(ready["level"] == .text("info") && ready["backend_type"] == .text("postmaster"))
        let age = LogRecord.now() - (CivilTime(postgres: postgresTime(ready["ts"]))?.milliseconds ?? 0)
        #expect((0..<120_000).contains(age), "the server's time is not understood")

        #expect(!(try await server.sql("SELECT 1/0")).isEmpty)
        let failure = try await line("the error") { $0["state_code"] == .text("22012") }
        #expect(failure["level"] == .text("error") && failure["error_severity"] == .text("ERROR"))
        #expect(failure["statement"] == .text("SELECT 1/0") && failure["dbname"] == .text("postgres"))

        _ = try await server.sql(#"DO $$ BEGIN RAISE WARNING E'two\nlines \x01 "quoted" é'; END $$"#)
        let warning = try await line("the warning") { $0["level"] == .text("warning") }
        #expect(warning["msg"] == .text("two\nlines \u{1} \"quoted\" é"))

        // Longer than a line of ours, and than one of the collector's messages.
        _ = try await server.sql("DO $$ BEGIN RAISE LOG '%', repeat('0123456789', 3000); END $$")
        try await eventually("the long message") {
            let parts = try pump.lines().filter { $0["msg"]?.text?.hasPrefix("0123") == true || $0["part"] != nil }
            return parts.compactMap { $0["msg"]?.text }.joined().contains(String(repeating: "0123456789", count: 3000))
        }

        // What the server runs writes to the plain file.
        _ = try await server.sql("SELECT pg_switch_wal()")
        _ = try await line("archive_command's complaint") {
            $0["msg"]?.text?.hasPrefix("cannot archive 0000") == true
        }

        // A rotation and a reload open the files anew.
        _ = try await server.sql("SELECT pg_rotate_logfile(), pg_reload_conf()")
        _ = try await server.sql("DO $$ BEGIN RAISE LOG 'after the rotation'; END $$")
        _ = try await line("a message after the rotation") { $0["msg"] == .text("after the rotation") }
        #expect(Set(try Files.list(String(pump.fifos.json.dropLast(14)))) == ["postgres.json", "postgres.log"])

        try await server.stop()
        pump.endLifeline()
        try await eventually("the pump ends") { pump.exitCode == 0 }
        _ = try await line("the last word") { $0["msg"] == .text("database system is shut down") }
    }

    private func postgresTime(_ time: JSONValue?) -> String {
        (time?.text ?? "").replacing("T", with: " ").replacing("Z", with: " UTC")
    }
}
