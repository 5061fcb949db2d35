import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Configuration as a real server takes it")
struct ServerFilesTests {
    @Test("user settings with quotes and backslashes reach the server as they are, and no line is in error")
    func quotedSettings() async throws {
        let value = "it's a \\ and 100%"
        let server = try await PostgresServer.primary(parameters: ["my.setting": value])
        #expect(try server.value("SHOW my.setting") == value)
        #expect(try server.value("SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == "0")
        #expect(try server.value("SELECT count(*) FROM pg_hba_file_rules WHERE error IS NOT NULL") == "0")
        #expect(try server.report().pendingRestart == false)
    }

    @Test("the log is JSON lines in the file that is read from")
    func jsonLog() async throws {
        let server = try await PostgresServer.primary(jsonLog: true)
        let path = server.root.file("log") + "/postgres.json"
        try await eventually("the server has logged that it is ready") {
            guard let text = try? Files.readText(path) else { return false }
            return text.contains("\"message\":\"database system is ready to accept connections\"")
        }
    }

    @Test("archive_command runs the client with socket, path and name, whatever is in their paths")
    func archiveCommand() async throws {
        let directory = try TemporaryDirectory()
        let program = try directory.directory("it's a 100% path", mode: 0o755) + "/client"
        let socket = directory.file("so%fcket 'x'")
        let record = directory.file("record")
        try Files.writeDurably("#!/bin/sh\nprintf '<%s>' \"$@\" > \(record)\n".utf8, to: program, mode: 0o755)
        let server = try await PostgresServer.primary(
            archive: ServerConfiguration.ArchiveClient(program: program, socket: socket))
        let name = try #require(try server.value("SELECT pg_walfile_name(pg_current_wal_lsn())"))
        try server.query("SELECT pg_switch_wal()")
        try await eventually("the segment was handed over") {
            (try? Files.readText(record)) == "<push><--socket><\(socket)><pg_wal/\(name)><\(name)>"
        }
    }

    @Test("what was set by ALTER SYSTEM does not survive a start if it is ours")
    func alterSystem() async throws {
        let server = try await PostgresServer.primary()
        try server.query("ALTER SYSTEM SET hot_standby = off")
        try server.query("ALTER SYSTEM SET work_mem = '7MB'")
        try await server.stop()
        try await server.start(.primary)
        #expect(try server.value("SHOW hot_standby") == "on")
        #expect(try server.value("SHOW work_mem") == "7MB")
    }
}
