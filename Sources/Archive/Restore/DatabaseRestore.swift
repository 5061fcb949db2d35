import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres

/// One database out of a physical backup: all of it is restored into a directory that is thrown away, and `pg_dump` takes
/// the one out.
package enum DatabaseRestore {
    package enum Destination: Hashable, Sendable {
        /// A dump as SQL, or in pg_dump's own format, to an open descriptor.
        case descriptor(Int32, format: Format)
        /// A new database of a running server. One that exists is refused.
        case server(ConnectionInfo, name: String)
    }

    package enum Format: String, Hashable, Sendable, CaseIterable { case plain, custom }

    package struct Options: Hashable, Sendable {
        /// Where from, which backup, how far. Its target directory is not used.
        package var request: RestoreRequest
        package var scratchDirectory: String
        /// A role of the restored cluster that may read everything.
        package var superuser: String
        package var database: String
        package var destination: Destination
        /// Whether objects belong to whoever restores them, instead of their former owners.
        package var withoutOwners = false

        package init(
            request: RestoreRequest, scratchDirectory: String, superuser: String, database: String,
            destination: Destination
        ) {
            self.request = request
            self.scratchDirectory = scratchDirectory
            self.superuser = superuser
            self.database = database
            self.destination = destination
        }
    }

    /// Blocks the calling thread, which must live as long as the process.
    /// - Returns: what was restored to get at the database.
    package static func run(
        _ options: Options, progress: (ArchiveProgress) -> Void = { _ in }
    ) throws(RestoreError) -> Restore.Outcome {
        do {
            if case .server(let info, let name) = options.destination { try requireFree(name, info) }
            let store = try options.request.archive.open()
            let scratch = try ScratchDirectory(options.scratchDirectory)
            do {
                let outcome = try perform(options, store, scratch, progress)
                try scratch.remove()
                return outcome
            } catch {
                do { try scratch.remove() } catch { progress(ArchiveProgress(phase: "cannot clear up: \(error)")) }
                throw error
            }
        } catch let error as RestoreError {
            throw error
        } catch let error as ObjectStoreError {
            throw RestoreError(.unavailable, error.message)
        } catch {
            throw RestoreError("\(error)")
        }
    }

    private static func perform(
        _ options: Options, _ store: any ObjectStore, _ scratch: borrowing ScratchDirectory,
        _ progress: (ArchiveProgress) -> Void
    ) throws -> Restore.Outcome {
        progress(ArchiveProgress(phase: "planning"))
        let plan = try ScratchRestore.plan(options.request, store, in: scratch)
        let outcome = try Restore.run(plan, store: store, progress: progress)
        progress(ArchiveProgress(phase: "starting the server"))
        let server = try ScratchServer(
            scratch.dataDirectory, binDirectory: options.request.binDirectory,
            guardProgram: options.request.guardProgram, superuser: options.superuser)
        defer { server.stop() }
        let names = try server.query(
            "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1", in: "template1", within: .seconds(30)
        ).compactMap { $0.first ?? nil }
        guard names.contains(options.database) else {
            throw RestoreError(
                "the backup has no database '\(options.database)': it has \(names.joined(separator: ", "))")
        }
        progress(ArchiveProgress(phase: "dumping \(options.database)"))
        switch options.destination {
        case .descriptor(let descriptor, let format):
            var dump = dump(options, server, format)
            dump.output = .descriptor(descriptor)
            try run([dump])
        case .server(let info, let name):
            try load(options, server, info, name)
        }
        return outcome
    }

    private static func dump(_ options: Options, _ server: ScratchServer, _ format: Format) -> Command {
        var arguments = ["--format=\(format.rawValue)", "--dbname=\(options.database)"]
        if options.withoutOwners { arguments += ["--no-owner", "--no-privileges"] }
        return server.tool("pg_dump", arguments)
    }

    // MARK: Into a running server

    private static func requireFree(_ name: String, _ info: ConnectionInfo) throws {
        let deadline = BootClock.now() + .seconds(30)
        let connection: SQLConnection
        do throws(SQLError) { connection = try SQLConnection.open(info, deadline: deadline) } catch {
            throw RestoreError(.unavailable, "the running server does not answer: \(error)")
        }
        defer { connection.close() }
        guard try connection.query("SELECT FROM pg_database WHERE datname = $1", [name], deadline: deadline).isEmpty
        else {
            throw RestoreError(
                .occupied, "the running server has a database '\(name)', which is left as it is: choose another --into")
        }
        guard try connection.query("SELECT pg_is_in_recovery()", deadline: deadline).first?.first == "f" else {
            throw RestoreError("the running server is a replica: run it on the primary's member")
        }
    }

    /// Made like the former one, and dropped when what follows fails: it is ours alone until then.
    private static func load(_ options: Options, _ server: ScratchServer, _ info: ConnectionInfo, _ name: String) throws
    {
        let row = try server.query(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = $1",
            [options.database], in: "template1", within: .seconds(30)
        ).first
        guard let row, row.count == 3, let encoding = row[0], let collation = row[1], let type = row[2] else {
            throw RestoreError("the restored server does not say how '\(options.database)' was made")
        }
        func literal(_ text: String) -> String { "'" + text.replacing("'", with: "''") + "'" }
        let quoted = "\"" + name.replacing("\"", with: "\"\"") + "\""
        try execute(
            "CREATE DATABASE \(quoted) TEMPLATE template0 ENCODING \(literal(encoding)) LC_COLLATE \(literal(collation)) "
                + "LC_CTYPE \(literal(type))", info)
        do {
            var target = info
            target.database = name
            var arguments = [
                "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--no-password",
            ]
            arguments.append("--dbname=\(target.conninfo)")
            let binaries = PostgresBinaries(directory: options.request.binDirectory)
            var psql = Command(
                binaries.path("psql"), arguments,
                environment: Tools(binaries: binaries, environment: Command.inheritedEnvironment).environment)
            psql.output = .null
            let pipe = try Pipe()
            var dump = dump(options, server, .plain)
            dump.output = .descriptor(pipe.write.rawValue)
            psql.input = .descriptor(pipe.read.rawValue)
            try run([dump, psql], closing: pipe)
        } catch {
            do { try execute("DROP DATABASE \(quoted)", info) } catch let second {
                throw RestoreError("\(error); and the unfinished database '\(name)' cannot be dropped: \(second)")
            }
            throw error
        }
    }

    private static func execute(_ sql: String, _ info: ConnectionInfo) throws {
        let deadline = BootClock.now() + .seconds(120)
        let connection = try SQLConnection.open(info, deadline: deadline)
        defer { connection.close() }
        _ = try connection.query(sql, deadline: deadline)
    }

    // MARK: -

    /// Runs programs beside each other until all have ended; all must succeed.
    /// - Parameter pipe: between them; closed here once they have it.
    private static func run(_ commands: [Command], closing pipe: consuming Pipe? = nil) throws {
        let runtime = try RuntimeDirectory()
        let registry = ChildRegistry()
        var running: [(name: String, end: ExitWaiter, log: String)] = []
        for (number, command) in commands.enumerated() {
            let log = "\(runtime.path)/\(number)"
            let file = try FileDescriptor(opening: log, O_RDWR | O_CREAT | O_APPEND)
            let end = ExitWaiter()
            var command = command
            command.error = .descriptor(file.rawValue)
            _ = try registry.spawn(command) { _, status in end.set(status) }
            running.append((command.path.split(separator: "/").last.map(String.init) ?? "", end, log))
        }
        // The reader sees the end only when nobody else has the writer's end.
        pipe = nil
        var failures: [String] = []
        for program in running {
            var status: ExitStatus?
            while status == nil { status = program.end.wait(registry, until: BootClock.now() + .seconds(3600)) }
            guard status?.isSuccess != true else { continue }
            let text = (try? Files.read(program.log, limit: 16 << 20)).map {
                String(decoding: $0.suffix(2000), as: UTF8.self)
                    .split(whereSeparator: \.isNewline).joined(separator: " ")
            }
            failures.append("\(program.name) failed: \(text ?? "")")
        }
        // The one that reads tells why; the writer only that nobody reads any more.
        guard failures.isEmpty else { throw RestoreError(failures.reversed().joined(separator: "; ")) }
    }
}
