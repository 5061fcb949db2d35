import ClusterModel
import ObjectStorage
import Platform
import Postgres
import TestSupport

@testable import Archive

/// A real server whose WAL goes into a bucket: through our archiver, or into a directory from where barman takes it.
final class BucketServer: Sendable {
    let directory: TemporaryDirectory
    let server: PostgresServer
    let place: Barman.Place
    let settings: ArchiveSettings
    /// nil: nothing of ours archives.
    let archiver: RunningArchiver?

    static let serverName = "demo"

    static func ours(_ place: Barman.Place? = nil, parameters: [String: String] = [:]) async throws -> BucketServer {
        let directory = try TemporaryDirectory()
        let client = ServerConfiguration.ArchiveClient(
            program: try ClusterPrograms.path("pgmahout-wal"), socket: directory.file("archiver.sock"))
        let server = try await PostgresServer.primary(parameters: parameters, archive: client)
        return try await BucketServer(directory, server, place ?? newPlace(), archives: true)
    }

    /// - Parameter place: an archive that there is already.
    static func theirs(_ place: Barman.Place? = nil) async throws -> BucketServer {
        let directory = try TemporaryDirectory()
        _ = try directory.directory("outbox", mode: 0o755)
        // As archive_command calls it: push --socket S PATH NAME.
        let script =
            "#!/bin/sh\ncp \"$4\" \"\(directory.path)/outbox/.$5\" && mv \"\(directory.path)/outbox/.$5\" "
            + "\"\(directory.path)/outbox/$5\"\n"
        try Files.writeDurably(Array(script.utf8), to: directory.file("archive.sh"), mode: 0o755)
        try giveToPostgres(directory.file("archive.sh"))
        let client = ServerConfiguration.ArchiveClient(program: directory.file("archive.sh"), socket: "none")
        let server = try await PostgresServer.primary(archive: client)
        return try await BucketServer(directory, server, place ?? newPlace(), archives: false)
    }

    private static func newPlace() throws -> Barman.Place {
        Barman.Place(bucket: try SignatureProxy.shared().bucket(), prefix: "two words/größe", server: serverName)
    }

    private init(
        _ directory: TemporaryDirectory, _ server: PostgresServer, _ place: Barman.Place, archives: Bool
    ) async throws {
        self.directory = directory
        self.server = server
        self.place = place
        settings = ArchiveSettings(
            location: try Self.location(place), server: place.server, dataDirectory: server.dataDirectory,
            socketPath: directory.file("archiver.sock"))
        archiver = archives ? try await RunningArchiver(settings, lease: true) : nil
    }

    /// Through the proxy that checks what we sign.
    static func location(_ place: Barman.Place) throws -> ArchiveLocation {
        var settings = S3Settings(
            bucket: place.bucket.name, prefix: place.prefix,
            credentials: .fixed(
                S3Credentials(
                    accessKeyID: SignatureProxy.accessKeyID, secretAccessKey: SignatureProxy.secretAccessKey)))
        settings.endpoint = place.bucket.proxy.url
        return .s3(settings)
    }

    func store() throws -> any ObjectStore { try settings.location.open() }
    var layout: ArchiveLayout { settings.layout }

    func keys(_ prefix: String) throws -> [String] {
        try store().listAll("\(place.server)/\(prefix)", recursive: true).objects.map(\.key.text)
    }

    func isArchived(_ name: String) throws -> Bool {
        guard let name = WALFileName(ofAnySize: name) else { throw FixtureError("\(name) is no WAL file") }
        return try store().head(layout.wal(name, suffix: ".gz")) != nil
    }

    /// Ends the current segment and waits until PostgreSQL has it archived.
    /// - Returns: its name.
    @discardableResult
    func switchSegment() async throws -> String {
        _ = try server.query("SELECT pg_logical_emit_message(false, 'test', 'x')")
        let name = try server.value("SELECT pg_walfile_name(pg_current_wal_insert_lsn())") ?? ""
        _ = try server.query("SELECT pg_switch_wal()")
        try await eventually("\(name) is archived", within: .seconds(60)) {
            Files.exists("\(self.server.dataDirectory)/pg_wal/archive_status/\(name).done")
        }
        return name
    }

    func backup(_ options: BaseBackup.Options = BaseBackup.Options()) throws -> BackupInfo {
        try BaseBackup.take(
            settings, connection: server.configuration.local(applicationName: "backup"), options: options)
    }

    /// Hands everything that PostgreSQL wanted archived to barman, as its archive_command would.
    func ship(by barman: Barman) async throws {
        let outbox = directory.file("outbox")
        for name in try Files.list(outbox).sorted() where !name.hasPrefix(".") {
            try await barman.must("wal-archive", ["--gzip"], at: place, ["\(outbox)/\(name)"])
            try Files.remove("\(outbox)/\(name)")
        }
    }

    /// - Returns: the id of the backup.
    func backup(by barman: Barman, _ options: [String] = ["--gzip"]) async throws -> String {
        let before = try Set(BackupCatalogue.read(store(), layout).backups.map(\.id))
        try await barman.must(
            "backup",
            options + [
                "--host", server.socketDirectory, "--port", "\(server.port)", "--user", PostgresFixture.superuser,
                "--immediate-checkpoint",
            ], at: place)
        try await ship(by: barman)
        let found = try Set(BackupCatalogue.read(store(), layout).backups.map(\.id)).subtracting(before)
        guard let id = found.first, found.count == 1 else { throw FixtureError("\(found) are new") }
        return id
    }

    /// `pgmahout …` on this archive, as the postgres user.
    func pgmahout(_ arguments: [String]) async throws -> (status: Platform.ExitStatus, text: String) {
        let environment = [
            "S3_ENDPOINT": place.bucket.proxy.url, "S3_ACCESS_KEY_ID": SignatureProxy.accessKeyID,
            "S3_SECRET_ACCESS_KEY": SignatureProxy.secretAccessKey,
        ]
        let command = Command(
            try ClusterPrograms.path(), arguments + ["--archive", place.url, "--server", place.server],
            environment: Command.inheritedEnvironment.merging(environment) { $1 })
        return try await TestChildren.output(of: command.asPostgres)
    }

    /// - Parameter arguments: such as `--to-time`.
    func restore(to target: String, _ arguments: [String] = []) async throws -> (
        status: Platform.ExitStatus, text: String
    ) {
        try await pgmahout(
            ["restore", "--bin-directory", PostgresFixture.binaries.directory, "--target-directory", target]
                + arguments)
    }

    func stop() async throws {
        server.kill()
        _ = try await archiver?.stop()
    }
}
