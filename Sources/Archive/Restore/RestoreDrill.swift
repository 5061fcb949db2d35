import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres

/// Whether a backup can really be restored: it is, into a directory that is thrown away, and looked at.
///
/// Disk: the restored files and some WAL, refused beforehand where there is no room. Memory: that of a small server.
package enum RestoreDrill {
    package struct Options: Hashable, Sendable {
        /// Where from, which backup, how far. Its target directory is not used.
        package var request: RestoreRequest
        /// Where it works: a directory for this alone.
        package var scratchDirectory: String
        /// A role of the restored cluster that may see everything.
        package var superuser: String
        /// Who runs it; for the record.
        package var member: String?
        /// Must be there; also where queries run.
        package var database: String?
        /// Must be there.
        package var role: String?
        /// Each must end without an error, and its first value must not be false.
        package var queries: [String] = []
        package var queryTime = Duration.seconds(300)
        /// Whether tables and indexes are checked by `pg_amcheck`.
        package var checksStructure = true
        package var structureTime = Duration.seconds(6 * 3600)

        package init(request: RestoreRequest, scratchDirectory: String, superuser: String) {
            self.request = request
            self.scratchDirectory = scratchDirectory
            self.superuser = superuser
        }
    }

    /// Runs a drill and records its result in the archive, whatever it is. Blocks the calling thread, which must live as
    /// long as the process.
    /// - Parameter progress: called on the calling thread.
    /// - Returns: what was recorded; a drill that failed is a result as well.
    /// - Throws: when nothing could be recorded, or the scratch directory is somebody else's.
    package static func run(
        _ options: Options, progress: (ArchiveProgress) -> Void = { _ in }
    ) throws(RestoreError) -> DrillResult {
        do {
            let store = try options.request.archive.open()
            return try run(options, store, progress)
        } catch let error as RestoreError {
            throw error
        } catch let error as ObjectStoreError {
            throw RestoreError(.unavailable, error.message)
        } catch {
            throw RestoreError("\(error)")
        }
    }

    private static func run(
        _ options: Options, _ store: any ObjectStore, _ progress: (ArchiveProgress) -> Void
    ) throws -> DrillResult {
        guard geteuid() != 0 else {
            throw RestoreError("postgres does not run as root: run the drill as the user of the server")
        }
        let begin = now()
        var result = DrillResult(id: try freeID(begin, store, options.request.layout), startedAt: begin)
        result.member = options.member
        let scratch = try ScratchDirectory(options.scratchDirectory)
        var clock = PhaseClock()
        do {
            try perform(options, store, scratch, &result, &clock, progress)
        } catch {
            result.failure = "\(error)"
        }
        result.phases = clock.phases
        progress(ArchiveProgress(phase: "clearing up"))
        do { try scratch.remove() } catch {
            result.failure = result.failure ?? "the scratch directory cannot be removed: \(error)"
        }
        let failed = result.checks.filter { !$0.passed }
        if result.failure == nil, !failed.isEmpty {
            result.failure = failed.map { "\($0.name): \($0.detail)" }.joined(separator: "; ")
        }
        result.succeeded = result.failure == nil
        result.finishedAt = now().iso8601
        try result.record(in: store, options.request.layout)
        return result
    }

    private static func perform(
        _ options: Options, _ store: any ObjectStore, _ scratch: borrowing ScratchDirectory,
        _ result: inout DrillResult,
        _ clock: inout PhaseClock, _ progress: (ArchiveProgress) -> Void
    ) throws {
        progress(ArchiveProgress(phase: "planning"))
        let plan = try ScratchRestore.plan(options.request, store, in: scratch)
        result.backup = plan.backup.id
        result.bytes = plan.backup.size
        clock.end("plan")
        let outcome = try Restore.run(plan, store: store, progress: progress)
        for phase in outcome.phases { clock.add(phase) }
        result.timeline = outcome.timeline
        result.end = outcome.end
        result.lastTransaction = outcome.lastTransaction
        progress(ArchiveProgress(phase: "starting the server"))
        let server = try ScratchServer(
            scratch.dataDirectory, binDirectory: options.request.binDirectory,
            guardProgram: options.request.guardProgram, superuser: options.superuser)
        defer { server.stop() }
        clock.end("start")
        progress(ArchiveProgress(phase: "looking at it"))
        look(options, server, &result)
        clock.end("queries")
        if options.checksStructure {
            progress(ArchiveProgress(phase: "checking tables and indexes"))
            result.checks.append(structure(options, server))
            clock.end("structure")
        }
    }

    // MARK: Looking

    private static func look(_ options: Options, _ server: ScratchServer, _ result: inout DrillResult) {
        if let name = options.database {
            result.checks.append(
                exists("database \(name)", "SELECT FROM pg_database WHERE datname = $1", name, server))
        }
        if let name = options.role {
            result.checks.append(exists("role \(name)", "SELECT FROM pg_roles WHERE rolname = $1", name, server))
        }
        for (number, sql) in options.queries.enumerated() {
            let name = "query \(number + 1)"
            do {
                let rows = try server.query(
                    sql, in: options.database ?? "postgres", within: options.queryTime)
                let value = rows.first?.first.flatMap { $0 }
                let passed = value != "f"
                result.checks.append(
                    DrillResult.Check(name: name, passed: passed, detail: oneLine(value ?? "no value")))
            } catch {
                result.checks.append(DrillResult.Check(name: name, passed: false, detail: oneLine("\(error)")))
            }
        }
    }

    private static func exists(_ what: String, _ sql: String, _ name: String, _ server: ScratchServer)
        -> DrillResult.Check
    {
        do {
            let found = try !server.query(sql, [name], in: "template1", within: .seconds(30)).isEmpty
            return DrillResult.Check(name: what, passed: found, detail: found ? "is there" : "is missing")
        } catch {
            return DrillResult.Check(name: what, passed: false, detail: oneLine("\(error)"))
        }
    }

    private static func structure(_ options: Options, _ server: ScratchServer) -> DrillResult.Check {
        let name = "pg_amcheck"
        do {
            let known = try server.query(
                "SELECT FROM pg_available_extensions WHERE name = 'amcheck'", in: "template1", within: .seconds(30))
            guard !known.isEmpty else {
                return DrillResult.Check(
                    name: name, passed: false,
                    detail: "the extension amcheck is not installed here: install it, or leave the check out")
            }
            let (status, text) = try ToolRun.output(
                of: server.tool(name, ["--all", "--install-missing", "--jobs=2"]), within: options.structureTime)
            guard let status else {
                return DrillResult.Check(name: name, passed: false, detail: "it did not end in time")
            }
            return DrillResult.Check(
                name: name, passed: status.isSuccess,
                detail: status.isSuccess ? "no corruption was found" : oneLine("\(status): \(text)"))
        } catch {
            return DrillResult.Check(name: name, passed: false, detail: oneLine("\(error)"))
        }
    }

    private static func oneLine(_ text: String) -> String {
        String(text.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(500))
    }

    // MARK: -

    private static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec / 1000))
    }

    /// The present second, unless another drill has it.
    private static func freeID(_ begin: Timestamp, _ store: any ObjectStore, _ layout: ArchiveLayout) throws -> String {
        for second in 0..<10 as Range<Int64> {
            let id = Timestamp(microseconds: begin.microseconds + second * 1_000_000).compact
            if try store.head(layout.drill(id)) == nil { return id }
        }
        throw RestoreError("too many drills at once")
    }
}

/// A restore into a scratch directory, tablespaces included.
enum ScratchRestore {
    static func plan(
        _ request: RestoreRequest, _ store: any ObjectStore, in scratch: borrowing ScratchDirectory
    ) throws(RestoreError) -> RestorePlan {
        var request = request
        request.targetDirectory = scratch.dataDirectory
        request.tablespaces = [:]
        // Which ones there are, only the backup tells.
        let first = try RestorePlanner(request, store: store).plan(checksTarget: false)
        for space in first.backup.tablespaces { request.tablespaces[String(space.oid)] = scratch.tablespace(space.oid) }
        request.backupID = first.backup.id
        let plan = try RestorePlanner(request, store: store).plan()
        try plan.require()
        return plan
    }
}
