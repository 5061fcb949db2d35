import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres

/// Plays a logical dump into a server by psql. The whole part is checked before its first statement is run, because
/// half of it cannot be taken back.
package struct LogicalDumpRestore {
    package struct Options: Sendable {
        /// Only this one; nil: all, with roles.
        package var database: String?
        /// Its name in the server; nil: the same.
        package var into: String?
        /// Replaces databases and roles that are there already.
        package var force = false

        package init() {}
    }

    private let dump: LogicalDump
    private let server: LogicalDumpRun.Server
    private let store: any ObjectStore
    private let layout: ArchiveLayout
    private let registry = ChildRegistry()

    private static let answerTime = Duration.seconds(60)

    package init(
        _ dump: LogicalDump, _ server: LogicalDumpRun.Server, _ store: any ObjectStore, _ layout: ArchiveLayout
    ) {
        self.dump = dump
        self.server = server
        self.store = store
        self.layout = layout
    }

    /// - Returns: the databases that it made.
    package func run(
        _ options: Options, progress: (ArchiveProgress) -> Void = { _ in }
    ) throws(ArchiveError) -> [String] {
        do {
            let parts = dump.parts.filter { part in
                options.database.map { part.database == $0 } ?? (part.database != nil)
            }
            guard !parts.isEmpty else {
                throw ArchiveError(
                    .refused,
                    "dump \(dump.id) has no database '\(options.database ?? "")': it has "
                        + dump.databases.joined(separator: ", "))
            }
            let connection = try SQLConnection.open(server.connection, deadline: deadline)
            // All that could stand in the way, before anything is changed.
            for part in parts { try refuseToOverwrite(part.target(options), connection, options) }
            if options.database == nil, let globals = dump.parts.first(where: { $0.database == nil }) {
                progress(ArchiveProgress(phase: "roles"))
                try play(globals, database: "postgres", filter: RoleFilter(existing: roles(connection), options.force))
            }
            for part in parts {
                let target = part.target(options)
                progress(ArchiveProgress(phase: "restoring \(target)"))
                try play(part, into: target, connection, options)
            }
            return parts.map { $0.target(options) }
        } catch { throw ArchiveError(error) }
    }

    private var deadline: Instant { BootClock.now() + Self.answerTime }

    // MARK: What is there

    private func exists(_ database: String, _ connection: SQLConnection) throws -> Bool {
        try !connection.query("SELECT 1 FROM pg_database WHERE datname = $1", [database], deadline: deadline).isEmpty
    }

    private func refuseToOverwrite(_ target: String, _ connection: SQLConnection, _ options: Options) throws {
        guard try exists(target, connection) else { return }
        if target == "postgres" {
            // Clients have to connect to something: it is not dropped.
            guard try isEmpty(target) else {
                throw ArchiveError(
                    .refused, "the database 'postgres' has content, and is never replaced: --into takes another name")
            }
            return
        }
        guard !options.force else { return }
        throw ArchiveError(
            .refused, "the database '\(target)' is there already: --force replaces it, --into takes another name")
    }

    private func isEmpty(_ database: String) throws -> Bool {
        var info = server.connection
        info.database = database
        let rows = try SQLConnection.open(info, deadline: deadline).query(
            """
            SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' LIMIT 1
            """, [], deadline: deadline)
        return rows.isEmpty
    }

    private func roles(_ connection: SQLConnection) throws -> [String] {
        try connection.query(
            "SELECT quote_ident(rolname) FROM pg_roles UNION ALL SELECT quote_ident(spcname) FROM pg_tablespace", [],
            deadline: deadline
        ).compactMap { $0.first ?? nil }
    }

    // MARK: Playing

    private func play(
        _ part: LogicalDump.Part, into target: String, _ connection: SQLConnection, _ options: Options
    ) throws {
        // Before anything is dropped for it.
        try check(part, ObjectKey(LogicalDump.folder(dump.id, layout) + part.object))
        // The one that we are connected to stays, and was seen to be empty.
        if target == "postgres" { return try play(part, database: target, filter: BodyFilter()) }
        let replaced = try ReplacedDatabase(target, connection, deadline)
        do {
            try create(part, as: target, connection)
        } catch {
            guard let replaced else { throw error }
            throw replaced.putBack(because: error, connection, deadline)
        }
        try replaced?.drop(connection, deadline)
    }

    private func create(_ part: LogicalDump.Part, as target: String, _ connection: SQLConnection) throws {
        guard target != part.database else { return try play(part, database: "postgres", filter: nil) }
        func literal(_ text: String?) -> String { "'" + (text ?? "").replacing("'", with: "''") + "'" }
        _ = try connection.query(
            "CREATE DATABASE \(ReplacedDatabase.quoted(target)) TEMPLATE template0 ENCODING \(literal(part.encoding)) "
                + "LC_COLLATE \(literal(part.collation)) LC_CTYPE \(literal(part.characterType))", [],
            deadline: deadline)
        try play(part, database: target, filter: BodyFilter())
    }

    private func play(_ part: LogicalDump.Part, database: String, filter: (any LineFilter)?) throws {
        let key = ObjectKey(LogicalDump.folder(dump.id, layout) + part.object)
        try check(part, key)
        var command = server.command(
            "psql",
            ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-", "--output=/dev/null"],
            database: database)
        let end = ExitWaiter()
        let pipe = try Pipe.makePipe()
        command.input = .descriptor(pipe.read)
        command.output = .null
        do {
            defer { Glibc.close(pipe.read) }
            _ = try registry.spawn(command) { _, status in end.set(status) }
        } catch {
            Glibc.close(pipe.write)
            throw error
        }
        let lines = LineFeed(filter: filter) { try Self.write($0, to: pipe.write) }
        var broken: (any Error)?
        do {
            try inflate(key) { try lines.take($0) }
            try lines.finish()
        } catch { broken = error }
        Glibc.close(pipe.write)
        let status = end.wait(registry, until: BootClock.now() + .seconds(86_400))
        guard status?.isSuccess == true else {
            throw ArchiveError(
                .refused,
                "psql stopped in '\(part.database ?? "roles")': \(status.map { "\($0)" } ?? "it does not end")")
        }
        if let broken { throw broken }
    }

    /// psql may have ended: then its exit status says why.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(SystemError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("write to psql")
            }
            rest = rest.dropFirst(count)
        }
    }

    private func check(_ part: LogicalDump.Part, _ key: ObjectKey) throws {
        guard let reader = try store.read(key) else { throw ArchiveError(.refused, "'\(key)' is missing") }
        let sum = try SHA256Stream()
        while true {
            let piece = try reader.read(upTo: 256 << 10)
            if piece.isEmpty { break }
            sum.add(piece.span.bytes)
        }
        guard sum.finish() == part.sha256 else {
            throw ArchiveError(.refused, "'\(key)' is damaged: its checksum is not the one that was recorded")
        }
    }

    private func inflate(_ key: ObjectKey, _ sink: (RawSpan) throws -> Void) throws {
        guard let reader = try store.read(key) else { throw ArchiveError(.refused, "'\(key)' is missing") }
        let decoder = try GzipCodec().makeDecoder()
        while true {
            let piece = try reader.read(upTo: 256 << 10)
            if piece.isEmpty { break }
            try decoder.write(piece.span.bytes, to: sink)
        }
        try decoder.finish()
    }
}

extension LogicalDump.Part {
    fileprivate func target(_ options: LogicalDumpRestore.Options) -> String { options.into ?? database ?? "" }
}
