import Archive
import Configuration
import ObjectStorage
import Postgres

/// From the configuration to what the archive's room takes.
struct ArchiveWiring {
    let configuration: PgmahoutConfiguration

    init(_ configuration: PgmahoutConfiguration) { self.configuration = configuration }

    /// Ends the command when the configuration has no archive.
    func settings() throws -> ArchiveSettings {
        guard let archive = configuration.archive else {
            throw Failure(.configuration, "the configuration has no section 'archive'")
        }
        var settings = ArchiveSettings(
            location: try ArchiveLocation(archive.place), server: archive.server,
            dataDirectory: configuration.dataDirectory,
            socketPath: configuration.runDirectory + "/archiver.sock", compressionLevel: archive.compressionLevel,
            parallel: archive.parallel)
        settings.cluster = configuration.cluster
        settings.tail = archive.tailInterval.map { TailSettings(interval: $0, connection: server("pgmahout tail")) }
        settings.acceptsEqual = archive.always
        return settings
    }

    /// The archive of the cluster that is followed. Ends the command when the configuration has none.
    func foreignSettings() throws -> ArchiveSettings {
        guard let archive = configuration.standbyCluster?.archive else {
            throw Failure(.configuration, "the configuration has no section 'standbyCluster.archive'")
        }
        var settings = ArchiveSettings(
            location: try ArchiveLocation(archive.place), server: archive.server,
            dataDirectory: configuration.dataDirectory,
            socketPath: configuration.runDirectory + "/remote.sock",
            parallel: configuration.archive?.parallel ?? 2)
        settings.isForeign = true
        return settings
    }

    /// This member's own server, as its superuser over the local socket.
    func server(_ applicationName: String = "pgmahout backup") -> ConnectionInfo {
        ConnectionInfo(
            host: configuration.runDirectory, port: configuration.postgres.port, user: configuration.postgres.superuser,
            applicationName: applicationName)
    }
}

extension Failure {
    init(_ error: ArchiveError) {
        self.init(error.kind == .unavailable ? .unavailable : .failed, error.message)
    }
}
