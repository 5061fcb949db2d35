import Archive
import ArgumentParser
import Configuration
import ObjectStorage

/// Which archive is meant: that of a configuration, or any directory.
struct ArchiveOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: ArgumentHelp("The configuration file, for its section 'archive'.", valueName: "file")
    )
    var config: String = ConfigurationOptions.defaultPath

    @Option(
        help: ArgumentHelp(
            "A directory to use as the archive; no configuration is read then, and --server must be given.",
            valueName: "directory"))
    var archive: String?

    @Option(
        help: ArgumentHelp(
            "The folder of the cluster in the archive, instead of the configuration's.", valueName: "name"))
    var server: String?

    /// Where the backups are, and the configuration when one was read.
    struct Location {
        let directory: String
        let server: String
        let configuration: PgmahoutConfiguration?

        var store: DirectoryStore { DirectoryStore(root: directory) }
        var layout: ArchiveLayout { ArchiveLayout(server: server) }
    }

    func validate() throws {
        if archive != nil, server == nil { throw ValidationError("--archive needs --server") }
        if let archive, !archive.hasPrefix("/") { throw ValidationError("--archive takes an absolute path") }
    }

    func location() throws -> Location {
        if let archive, let server { return Location(directory: archive, server: server, configuration: nil) }
        let configuration = try ConfigurationOptions.load(config, checks: .textOnly)
        let settings = try ArchiveWiring(configuration).settings()
        return Location(
            directory: settings.directory, server: server ?? settings.server, configuration: configuration)
    }
}
