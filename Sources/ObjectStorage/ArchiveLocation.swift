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

    /// A store; asks the archive nothing yet.
    package func open() throws(ObjectStoreError) -> any ObjectStore {
        switch self {
        case .directory(let path): return DirectoryStore(root: path)
        case .s3(let settings):
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
