import Archive
import ArgumentParser
import Configuration
import Glibc
import Platform
import Postgres

struct RestoreDatabase: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database",
        abstract: "Take one database out of a physical backup, as a dump or into the running server.",
        discussion: """
            All of the backup is restored into a scratch directory, which needs the room; a server that nobody reaches \
            recovers there, pg_dump reads the one database, and all of it is removed.
            """)

    @OptionGroup var source: RestoreSourceOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var scratch: ScratchOptions

    @Argument(help: "The database.")
    var name: String

    @Option(
        help: ArgumentHelp("A file for the dump, which must not exist; '-' for standard output.", valueName: "file"))
    var file: String?

    @Option(help: ArgumentHelp("A new database of this member's server, which must be the primary.", valueName: "name"))
    var into: String?

    @Option(help: ArgumentHelp("Of the dump: plain (SQL) or custom (for pg_restore).", valueName: "format"))
    var format = DatabaseRestore.Format.plain

    @Flag(help: "Leave out owners and privileges: for a server that does not have the roles.")
    var noOwner = false

    func validate() throws {
        guard (file == nil) != (into == nil) else { throw ValidationError("one of --file and --into is needed") }
    }

    func run() throws {
        if let refusal = ProcessUser.refusal() { throw Failure(.notPermitted, refusal) }
        let location = try source.location()
        let request = try source.request(location, to: "", targets)
        var output: FileDescriptor?
        var partial: String?
        let destination: DatabaseRestore.Destination
        if let into {
            guard let configuration = location.configuration else {
                throw Failure(
                    .usage, "--into is about the server of a configuration file: give --config, not --archive")
            }
            destination = .server(ArchiveWiring(configuration).server(), name: into)
        } else if let file, file != "-" {
            guard !Files.exists(file) else { throw Failure(.dataRefused, "'\(file)' exists, and is left as it is") }
            let path = Files.temporaryPath(for: file)
            let opened = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL)
            destination = .descriptor(opened.rawValue, format: format)
            output = consume opened
            partial = path
        } else {
            destination = .descriptor(STDOUT_FILENO, format: format)
        }
        var options = DatabaseRestore.Options(
            request: request, scratchDirectory: try scratch.directory(location),
            superuser: scratch.superuser(location), database: name, destination: destination)
        options.withoutOwners = noOwner
        var progress = ProgressLine()
        do throws(RestoreError) {
            let outcome = try DatabaseRestore.run(options) { progress.show($0) }
            progress.end()
            if let partial, let file {
                try Self.publish(output.take(), partial, as: file)
            }
            Console.error("\(name) is restored from backup \(outcome.backup.id)")
        } catch {
            progress.end()
            if let partial { unlink(partial) }
            throw Failure(error)
        }
    }

    /// A dump appears under its name when it is complete and durable.
    private static func publish(_ output: consuming FileDescriptor?, _ partial: String, as file: String)
        throws(RestoreError)
    {
        do {
            if let output {
                try output.fsync()
                try output.close()
            }
            try Files.linkExclusively(partial, to: file)
            try Files.remove(partial)
        } catch { throw RestoreError("the dump cannot be put into place: \(error)") }
    }
}

extension DatabaseRestore.Format: ExpressibleByArgument {}

/// Where something is restored that is thrown away.
struct ScratchOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A directory for this alone; default: beside the configuration's data directory.", valueName: "directory"))
    var scratchDirectory: String?

    @Option(
        help: ArgumentHelp(
            "A superuser of the restored cluster; default: that of the configuration, else postgres.",
            valueName: "role"))
    var superuser: String?

    func validate() throws {
        if let scratchDirectory, !scratchDirectory.hasPrefix("/") {
            throw ValidationError("--scratch-directory takes an absolute path")
        }
    }

    func directory(_ location: ArchiveOptions.Location) throws -> String {
        if let scratchDirectory { return scratchDirectory }
        guard let configuration = location.configuration else {
            throw Failure(.usage, "--scratch-directory is missing")
        }
        return configuration.dataDirectory + ".pgmahout-scratch"
    }

    func superuser(_ location: ArchiveOptions.Location) -> String {
        superuser ?? location.configuration?.postgres.superuser ?? "postgres"
    }
}
