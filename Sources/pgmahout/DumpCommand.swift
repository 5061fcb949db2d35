import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Glibc
import ObjectStorage
import Platform
import Postgres

struct DumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump", abstract: "Take, list and restore logical dumps.",
        subcommands: [Create.self, List.self, Restore.self])

    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Dump roles and databases of this member's server into its archive.",
            discussion: "pg_dumpall for roles and pg_dump for each database, through gzip, without a file in between.")

        @OptionGroup var options: ConfigurationOptions
        @OptionGroup var output: OutputOptions

        @Option(help: ArgumentHelp("Only this database. May be repeated.", valueName: "name"))
        var database: [String] = []

        @Flag(help: "All databases: the default.")
        var all = false

        func validate() throws {
            if all, !database.isEmpty { throw ValidationError("--all and --database exclude each other") }
        }

        func run() throws {
            let wiring = ArchiveWiring(try options.load(checks: .textOnly))
            let settings = try wiring.settings()
            var progress = ProgressLine()
            let dump: LogicalDump
            do {
                dump = try LogicalDumpRun(
                    wiring.dumpServer(), settings.location.open(), settings.layout,
                    compressionLevel: settings.compressionLevel
                ).take(database) { progress.show($0) }
            } catch let error as ArchiveError {
                progress.end()
                throw Failure(error)
            }
            progress.end()
            switch output.output {
            case .json: try Console.json(dump)
            case .table: Console.line(DumpTable.text([dump]))
            }
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the dumps of the archive, oldest first.")

        @OptionGroup var options: ArchiveOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let dumps = try DumpTable.read(try options.location())
            switch output.output {
            case .json: for dump in dumps { try Console.json(dump) }
            case .table: Console.line(DumpTable.text(dumps))
            }
        }
    }

    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Play a dump, or one database of it, into a server.",
            discussion: """
                Into this member's own server, which must be the primary, unless --host is given. A database that is \
                there is refused unless --force is given, which replaces it; the same for what roles are.
                """)

        @OptionGroup var options: ArchiveOptions

        @Argument(help: "The dump's id, or 'latest'.")
        var id: String

        @Option(help: ArgumentHelp("Only this database.", valueName: "name"))
        var database: String?

        @Option(help: ArgumentHelp("With --database: make it under this name.", valueName: "name"))
        var into: String?

        @Flag(help: "Replace what is there.")
        var force = false

        @Option(help: "Another server.")
        var host: String?

        @Option(help: "Its port.")
        var port = 5432

        @Option(help: "Who to connect as.")
        var user: String?

        @Option(help: ArgumentHelp("A file in the form of .pgpass.", valueName: "file"))
        var passFile: String?

        @Option(help: ArgumentHelp("Where psql is; default: postgres.binDirectory.", valueName: "directory"))
        var binDirectory: String?

        func validate() throws {
            if into != nil, database == nil { throw ValidationError("--into needs --database") }
        }

        func run() throws {
            Signals.ignore(SIGPIPE)
            let location = try options.location()
            let dumps = try DumpTable.read(location)
            guard let dump = id == "latest" ? dumps.last : dumps.first(where: { $0.id == id }) else {
                throw Failure(.failed, "the archive holds no dump '\(id)'")
            }
            var request = LogicalDumpRestore.Options()
            request.database = database
            request.into = into
            request.force = force
            var progress = ProgressLine()
            let made: [String]
            do {
                made = try LogicalDumpRestore(dump, try server(location), location.store(), location.layout)
                    .run(request) { progress.show($0) }
            } catch let error as ArchiveError {
                progress.end()
                throw Failure(error)
            }
            progress.end()
            Console.line("restored \(made.joined(separator: ", ")) from \(dump.id)")
        }

        private func server(_ location: ArchiveOptions.Location) throws -> LogicalDumpRun.Server {
            let configuration = location.configuration
            guard let programs = binDirectory ?? configuration?.postgres.binDirectory else {
                throw Failure(.usage, "--bin-directory is missing")
            }
            var environment = Command.inheritedEnvironment
            environment["PGPASSFILE"] = passFile
            let connection: ConnectionInfo
            if let host {
                connection = ConnectionInfo(
                    host: host, port: port, user: user ?? "postgres", applicationName: "pgmahout dump",
                    passwordFile: passFile)
            } else if let configuration {
                connection = ArchiveWiring(configuration).server()
            } else {
                throw Failure(.usage, "--host is missing")
            }
            return LogicalDumpRun.Server(
                binDirectory: programs, connection: connection, guardProgram: Programs.path("pgmahout-guard"),
                environment: environment)
        }
    }
}

enum DumpTable {
    static func read(_ location: ArchiveOptions.Location) throws -> [LogicalDump] {
        do { return try LogicalDump.list(location.store(), location.layout) } catch {
            throw Failure(.unavailable, "the archive cannot be read: \(error)")
        }
    }

    static func text(_ dumps: [LogicalDump]) -> String {
        var table = TextTable([
            .init("DUMP"), .init("FINISHED"), .init("SERVER"), .init("SIZE", .right), .init("DATABASES"),
        ])
        for dump in dumps {
            table.add([
                dump.id, dump.finishedAt, dump.serverVersion, Amounts.bytes(dump.bytes),
                dump.databases.joined(separator: ", "),
            ])
        }
        return table.text
    }
}
