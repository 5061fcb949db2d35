/// Where an archive is: this cluster's own, or a foreign one that is only read.
package enum ArchiveLocation: Hashable, Sendable, CustomStringConvertible {
    /// An absolute path that must exist.
    case directory(String)
    case s3(S3Settings)

    /// What people write: an absolute path, or `s3://bucket/prefix`.
    /// - Parameter environment: has everything but bucket and prefix, see `S3Settings.init`.
    package init(_ text: String, environment: [String: String]) throws(S3SettingsError) {
        if text.hasPrefix("s3://") {
            let settings = try S3Settings(destination: text, environment: environment)
            try settings.validate()
            self = .s3(settings)
        } else if text.hasPrefix("/") {
            self = .directory(text)
        } else {
            throw S3SettingsError("'\(text)' is no archive: it takes an absolute path or 's3://bucket/prefix'")
        }
    }

    /// What a store is opened for.
    package enum Use: Sendable {
        /// Few objects, large ones.
        case backups
        /// Many objects of a few MiB, several at once in little memory: what does not fit into 5 MiB goes in parts of that
        /// size. Whoever waits for one comes again, so that news of trouble is worth more than patience.
        case wal
    }

    /// A store; asks the archive nothing yet.
    package func open(for use: Use = .backups) throws(ObjectStoreError) -> any ObjectStore {
        switch self {
        case .directory(let path): return DirectoryStore(root: path)
        case .s3(var settings):
            if use == .wal {
                settings.partSize = 5 << 20
                settings.partsInFlight = 1
                settings.readSize = 2 << 20
                settings.deadline = .seconds(120)
                settings.idleTimeout = .seconds(10)
                settings.longestRetryPause = .seconds(5)
            }
            do throws(S3SettingsError) { return try S3Store(settings) } catch {
                throw ObjectStoreError(.denied, error.description)
            }
        }
    }

    /// Without credentials.
    package var description: String {
        switch self {
        case .directory(let path): "directory '\(path)'"
        case .s3(let settings):
            "s3://\(settings.bucket)\(settings.prefix.isEmpty ? "" : "/\(settings.prefix)")"
                + (settings.endpoint.map { " at \($0)" } ?? "")
        }
    }
}
