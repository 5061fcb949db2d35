import ClusterModel
import ObjectStorage

/// What the archiver and backups have to know of a member; the executable fills it from the configuration.
package struct ArchiveSettings: Hashable, Sendable {
    package var location: ArchiveLocation
    /// The cluster's name in the archive: one path component.
    package var server: String
    /// gzip level, 1 to 9.
    package var compressionLevel: Int
    /// Segments, or parts of a base backup, at the same time.
    package var parallel: Int
    package var dataDirectory: String
    /// Where the archiver listens; at most 107 bytes.
    package var socketPath: String
    /// The system that may archive here; nil: the one that the data directory belongs to.
    package var systemIdentifier: SystemIdentifier?
    /// nil: the WAL behind the last whole segment is not shipped.
    package var tail: TailSettings?
    /// Whether a replay that has come to the end of the whole segments gets the tail behind them.
    package var servesTail = false
    /// Another cluster's: nothing is ever written or removed there, and how far it goes is told.
    package var isForeign = false
    /// Standbys ask for their segments to be archived, too (`archive_mode = always`): without the lease such a request is
    /// fulfilled by what the holder has archived, when it is the same.
    package var acceptsEqual = false

    /// Name of the cluster, whose the archive has to be; nil: not compared.
    package var cluster: String?

    package init(
        location: ArchiveLocation, server: String, dataDirectory: String, socketPath: String, compressionLevel: Int = 1,
        parallel: Int = 2, systemIdentifier: SystemIdentifier? = nil
    ) {
        self.location = location
        self.server = server
        self.dataDirectory = dataDirectory
        self.socketPath = socketPath
        self.compressionLevel = compressionLevel
        self.parallel = max(1, parallel)
        self.systemIdentifier = systemIdentifier
    }

    package var layout: ArchiveLayout { ArchiveLayout(server: server) }
}
