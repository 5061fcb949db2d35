import ClusterModel
import ObjectStorage
import Platform
import Postgres
import TestSupport

@testable import Archive

/// A real server that archives through an archiver of this process.
final class ArchivedServer: Sendable {
    let directory: TemporaryDirectory
    let server: PostgresServer
    let archiver: RunningArchiver
    /// A directory.
    let archive: String

    static let serverName = "demo"

    /// - Parameter archive: another than a directory of its own.
    static func primary(
        archive: String? = nil, parameters: [String: String] = [:], checksums: Bool = false,
        installation: PostgresInstallation = PostgresFixture.standard
    ) async throws -> ArchivedServer {
        let directory = try TemporaryDirectory()
        let server = try PostgresServer(
            parameters: parameters, archive: try client(directory), installation: installation)
        let template = try await installation.template()
        try await PostgresFixture.run(Command("/bin/cp", ["-a", template, server.dataDirectory]))
        if checksums, try ControlData.read(dataDirectory: template).dataChecksums == false {
            try await PostgresFixture.run(
                Command(
                    installation.binaries.directory + "/pg_checksums", ["--enable", "-N", "-D", server.dataDirectory]))
        }
        try await server.start(.primary)
        return try await ArchivedServer(directory, server, archive: archive ?? directory.directory("archive"))
    }

    /// A standby of another one, into the same archive; its archiver has no lease.
    static func standby(of primary: ArchivedServer) async throws -> ArchivedServer {
        let directory = try TemporaryDirectory()
        let server = try PostgresServer(member: "pg-2", archive: try client(directory))
        let source = server.configuration.upstream(host: "127.0.0.1", port: primary.server.port)
        try await PostgresFixture.run(PostgresFixture.tools.baseBackup(from: source, into: server.dataDirectory))
        try await server.start(.standby(upstream: source, slot: nil))
        return try await ArchivedServer(directory, server, archive: primary.archive)
    }

    private static func client(_ directory: TemporaryDirectory) throws -> ServerConfiguration.ArchiveClient {
        ServerConfiguration.ArchiveClient(
            program: try ClusterPrograms.path("pgmahout-wal"), socket: directory.file("archiver.sock"))
    }

    private init(_ directory: TemporaryDirectory, _ server: PostgresServer, archive: String) async throws {
        self.directory = directory
        self.server = server
        self.archive = archive
        archiver = try await RunningArchiver(
            ArchiveSettings(
                location: .directory(archive), server: Self.serverName, dataDirectory: server.dataDirectory,
                socketPath: directory.file("archiver.sock")))
    }

    var store: DirectoryStore { DirectoryStore(root: archive) }
    var layout: ArchiveLayout { archiver.settings.layout }

    func isArchived(_ name: String) throws -> Bool {
        guard let name = WALFileName(ofAnySize: name) else { throw FixtureError("\(name) is no WAL file") }
        return try store.head(layout.wal(name, suffix: ".gz")) != nil
    }

    /// Names in archive_status that end so, without the end.
    func files(_ suffix: String) throws -> Set<String> {
        let names = try Files.list(server.dataDirectory + "/pg_wal/archive_status")
        return Set(names.filter { $0.hasSuffix(suffix) }.map { String($0.dropLast(suffix.count)) })
    }

    /// Ends the current segment.
    /// - Returns: its name.
    @discardableResult
    func switchSegment() throws -> String {
        // At the very start of a segment the server would name the one before, and not switch at all.
        _ = try server.query("SELECT pg_logical_emit_message(false, 'test', 'x')")
        let name = try server.value("SELECT pg_walfile_name(pg_current_wal_insert_lsn())") ?? ""
        _ = try server.query("SELECT pg_switch_wal()")
        return name
    }

    func backup(_ options: BaseBackup.Options = BaseBackup.Options()) throws -> BackupInfo {
        try BaseBackup.take(
            archiver.settings, connection: server.configuration.local(applicationName: "backup"), options: options)
    }

    func stop() async throws {
        server.kill()
        _ = try await archiver.stop()
    }
}
