import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres

/// Takes a logical dump: from pg_dumpall and pg_dump through gzip into the archive, without a file in between.
package struct LogicalDumpRun {
    package struct Server: Sendable {
        package var binDirectory: String
        package var connection: ConnectionInfo
        /// Ends the programs with this process; nil: nothing does.
        package var guardProgram: String?
        package var environment: [String: String]

        package init(
            binDirectory: String, connection: ConnectionInfo, guardProgram: String?,
            environment: [String: String] = Command.inheritedEnvironment
        ) {
            self.binDirectory = binDirectory
            self.connection = connection
            self.guardProgram = guardProgram
            self.environment = environment
        }

        /// A client program of PostgreSQL. What it connects to goes in the environment: a name is never taken for options.
        func command(_ program: String, _ arguments: [String], database: String?) -> Command {
            var environment = environment.filter { !$0.key.hasPrefix("PG") || $0.key == "PGPASSFILE" }
            environment["PGHOST"] = connection.host
            environment["PGPORT"] = String(connection.port)
            environment["PGUSER"] = connection.user
            environment["PGAPPNAME"] = "pgmahout dump"
            environment["PGDATABASE"] = database
            let command = Command("\(binDirectory)/\(program)", arguments, environment: environment)
            return guardProgram.map { command.tied(by: $0) } ?? command
        }
    }

    private let server: Server
    private let store: any ObjectStore
    private let layout: ArchiveLayout
    private let codec: any Codec
    private let registry = ChildRegistry()

    private static let answerTime = Duration.seconds(30)
    /// Milliseconds for each table's lock: whoever holds one must not hold up all that waits for its turn after this.
    private static let lockWait = 600_000

    package init(_ server: Server, _ store: any ObjectStore, _ layout: ArchiveLayout, compressionLevel: Int = 1) {
        self.server = server
        self.store = store
        self.layout = layout
        codec = GzipCodec(level: compressionLevel)
    }

    /// - Parameter databases: empty: all that can be connected to, without templates.
    package func take(
        _ databases: [String] = [], progress: (ArchiveProgress) -> Void = { _ in }
    ) throws(ArchiveError) -> LogicalDump {
        do {
            progress(ArchiveProgress(phase: "connecting"))
            let started = Timestamp(microseconds: Int64(time(nil)) * 1_000_000)
            let (version, known) = try look()
            for name in databases where !known.contains(where: { $0.database == name }) {
                throw ArchiveError(.refused, "there is no database '\(name)' that can be dumped")
            }
            var dump = LogicalDump(
                id: try freeID(), serverVersion: version, startedAt: started.iso8601, finishedAt: "", parts: [])
            let wanted = databases.isEmpty ? known : known.filter { databases.contains($0.database ?? "") }
            var done: UInt64 = 0
            let globals = LogicalDump.Part(
                database: nil, object: "globals.sql.gz", bytes: 0, uncompressedBytes: 0, sha256: "", exitStatus: 0)
            for (index, part) in ([globals] + wanted).enumerated() {
                var part = part
                if part.database != nil { part.object = "database-\(index).sql.gz" }
                let phase = part.database.map { "dumping \($0)" } ?? "dumping roles"
                try run(&part, id: dump.id) { progress(ArchiveProgress(phase: phase, bytesDone: done + $0)) }
                done += part.uncompressedBytes
                dump.parts.append(part)
            }
            dump.finishedAt = Timestamp(microseconds: Int64(time(nil)) * 1_000_000).iso8601
            try dump.publish(store, layout)
            return dump
        } catch { throw ArchiveError(error) }
    }

    private func freeID() throws -> String {
        for _ in 0..<10 {
            let id = Timestamp(microseconds: Int64(time(nil)) * 1_000_000).compact
            if try store.listAll(LogicalDump.folder(id, layout)).objects.isEmpty,
                try store.head(LogicalDump.description(id, layout)) == nil
            {
                return id
            }
            usleep(250_000)
        }
        throw ArchiveError(.unavailable, "too many dumps at once")
    }

    private func look() throws -> (version: String, databases: [LogicalDump.Part]) {
        let deadline = BootClock.now() + Self.answerTime
        let connection = try SQLConnection.open(server.connection, deadline: deadline)
        let version = try connection.query("SHOW server_version", [], deadline: deadline).first?.first ?? nil
        let rows = try connection.query(
            """
            SELECT datname, pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database
            WHERE datallowconn AND NOT datistemplate ORDER BY datname
            """, [], deadline: deadline)
        return (
            version ?? "",
            rows.map {
                LogicalDump.Part(
                    database: $0[0], encoding: $0[1], collation: $0[2], characterType: $0[3], object: "", bytes: 0,
                    uncompressedBytes: 0, sha256: "", exitStatus: 0)
            }
        )
    }

    // MARK: One program

    private func run(_ part: inout LogicalDump.Part, id: String, _ progress: (UInt64) -> Void) throws {
        let what = part.database.map { "pg_dump of '\($0)'" } ?? "pg_dumpall"
        var command =
            part.database != nil
            ? server.command(
                "pg_dump", ["--format=plain", "--create", "--no-password", "--lock-wait-timeout=\(Self.lockWait)"],
                database: part.database)
            : server.command("pg_dumpall", ["--globals-only", "--no-password"], database: nil)
        let end = ExitWaiter()
        let pipe = try Pipe.makePipe()
        let reader = FileDescriptor(owning: pipe.read)
        command.output = .descriptor(pipe.write)
        let process: ProcessID
        do {
            defer { Glibc.close(pipe.write) }
            process = try registry.spawn(command) { _, status in end.set(status) }
        }
        let upload = try store.upload(ObjectKey(LogicalDump.folder(id, layout) + part.object))
        do {
            let encoder = try codec.makeEncoder()
            let sum = try SHA256Stream()
            var (stored, read): (UInt64, UInt64) = (0, 0)
            var tail: [UInt8] = []
            func write(_ bytes: RawSpan) throws {
                sum.add(bytes)
                stored += UInt64(bytes.byteCount)
                try upload.write(bytes)
            }
            while true {
                let piece = try reader.read(upTo: 256 << 10)
                if piece.isEmpty { break }
                read += UInt64(piece.count)
                tail = Array((tail + piece.suffix(Self.tailSize)).suffix(Self.tailSize))
                try encoder.write(piece.span.bytes) { try write($0) }
                progress(read)
            }
            try encoder.finish { try write($0) }
            guard let status = end.wait(registry, until: BootClock.now() + Self.answerTime) else {
                throw ArchiveError(.unavailable, "\(what) does not end")
            }
            guard status.isSuccess else { throw ArchiveError(.unavailable, "\(what) failed: \(status)") }
            guard Self.isWhole(tail) else {
                throw ArchiveError(.unavailable, "\(what) said that all is well, and its output has no end")
            }
            guard try upload.commit(if: {}) == .created else {
                throw ArchiveError(.refused, "another dump of the same second has begun: try again")
            }
            part.bytes = stored
            part.uncompressedBytes = read
            part.sha256 = sum.finish()
        } catch {
            upload.abort()
            registry.signal(process, SIGTERM)
            throw error
        }
    }

    private static let tailSize = 1024

    /// Both programs say so at their end; newer ones add a line of their own behind it.
    static func isWhole(_ tail: [UInt8]) -> Bool {
        let lines = String(decoding: tail, as: UTF8.self).split(separator: "\n").suffix(6)
        return lines.contains("-- PostgreSQL database dump complete")
            || lines.contains("-- PostgreSQL database cluster dump complete")
    }
}
