import Archive
import ArgumentParser
import Configuration
import ObjectStorage
import Platform

/// Which archive is meant: that of a configuration, or any other.
struct ArchiveOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The configuration file, for its section 'archive'.", valueName: "file")
    )
    var config: String = ConfigurationOptions.defaultPath

    @Option(
        help: ArgumentHelp(
            "An archive to use: an absolute path, or s3://bucket/prefix with the rest from S3_ENDPOINT, S3_REGION, "
                + "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY (or AWS_…). No configuration is read then, and --server "
                + "must be given.",
            valueName: "place"))
    var archive: String?

    @Option(
        help: ArgumentHelp(
            "The folder of the cluster in the archive, instead of the configuration's.", valueName: "name"))
    var server: String?

    /// Where the backups are, and the configuration when one was read.
    struct Location {
        let archive: ArchiveLocation
        let server: String
        let configuration: PgmahoutConfiguration?

        func store() throws -> any ObjectStore {
            do throws(ObjectStoreError) { return try archive.open() } catch {
                throw Failure(.configuration, error.description)
            }
        }

        var layout: ArchiveLayout { ArchiveLayout(server: server) }
    }

    func validate() throws {
        if archive != nil, server == nil { throw ValidationError("--archive needs --server") }
        if archive != nil { _ = try named() }
    }

    func location() throws -> Location {
        if let archive = try named(), let server {
            return Location(archive: archive, server: server, configuration: nil)
        }
        let configuration = try ConfigurationOptions.load(config, checks: .textOnly)
        let settings = try ArchiveWiring(configuration).settings()
        return Location(
            archive: settings.location, server: server ?? settings.server, configuration: configuration)
    }

    private func named() throws -> ArchiveLocation? {
        guard let archive else { return nil }
        do throws(S3SettingsError) {
            return try ArchiveLocation(archive, environment: Command.inheritedEnvironment)
        } catch { throw ValidationError("--archive: \(error)") }
    }
}
