import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Platform
import Postgres

struct Drill: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find out whether backups can really be restored.", subcommands: [DrillRun.self, DrillList.self])
}

struct DrillRun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Restore a backup into a scratch directory, start a server on it, look at it, and record the result.",
        discussion: """
            The result is an object of the archive, whether the drill succeeds or not. All that was restored is removed, \
            also what a killed drill has left. Not done beside a primary unless --on-primary is given.
            """)

    @OptionGroup var source: RestoreSourceOptions
    @OptionGroup var targets: TargetOptions
    @OptionGroup var scratch: ScratchOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("A database that must be there; queries run in it.", valueName: "name"))
    var expectDatabase: String?

    @Option(help: ArgumentHelp("A role that must be there.", valueName: "name"))
    var expectRole: String?

    @Option(
        help: ArgumentHelp(
            "SQL that must end without an error and not with false as its first value. May be repeated.",
            valueName: "sql"))
    var query: [String] = []

    @Flag(inversion: .prefixedNo, help: "Check all tables and indexes by pg_amcheck.")
    var amcheck = true

    @Flag(help: "Also when this member's server is the primary.")
    var onPrimary = false

    func run() throws {
        if let refusal = ProcessUser.refusal() { throw Failure(.notPermitted, refusal) }
        let location = try source.location()
        if !onPrimary, let configuration = location.configuration { try Self.requireReplica(configuration) }
        var options = RestoreDrill.Options(
            request: try source.request(location, to: "", targets),
            scratchDirectory: try scratch.directory(location), superuser: scratch.superuser(location))
        options.member = location.configuration?.member.rawValue
        options.database = expectDatabase
        options.role = expectRole
        options.queries = query
        options.checksStructure = amcheck
        var progress = ProgressLine()
        let result: DrillResult
        do throws(RestoreError) {
            result = try RestoreDrill.run(options) { progress.show($0) }
        } catch {
            progress.end()
            throw Failure(error)
        }
        progress.end()
        switch output.output {
        case .json: try Console.json(result)
        case .table: Console.line(DrillTable.text(result))
        }
        guard result.succeeded else { throw Failure(.failed, "the drill failed: \(result.failure ?? "")") }
    }

    /// A server that does not run is no primary; one that does not answer may be.
    private static func requireReplica(_ configuration: PgmahoutConfiguration) throws {
        guard let file = PostmasterPIDFile.read(dataDirectory: configuration.dataDirectory), file.refersToLiveProcess()
        else { return }
        let deadline = BootClock.now() + .seconds(10)
        let connection: SQLConnection
        do throws(SQLError) {
            connection = try SQLConnection.open(ArchiveWiring(configuration).server(), deadline: deadline)
        } catch {
            throw Failure(.unavailable, "this member's server does not say whether it is the primary: \(error)")
        }
        defer { connection.close() }
        guard try connection.query("SELECT pg_is_in_recovery()", deadline: deadline).first?.first == "t" else {
            throw Failure(
                .failed,
                "this member's server is the primary, which a drill would slow down: run it on a replica, or "
                    + "give --on-primary")
        }
    }
}

struct DrillList: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the results of drills that the archive holds, oldest first.")

    @OptionGroup var options: ArchiveOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let location = try options.location()
        let results: [DrillResult]
        do {
            results = try DrillResult.list(location.store(), location.layout)
        } catch { throw Failure(.unavailable, "the archive cannot be read: \(error)") }
        switch output.output {
        case .json: for result in results { try Console.json(result) }
        case .table: Console.line(DrillTable.text(results))
        }
    }
}

/// Results of drills for people.
enum DrillTable {
    static func text(_ results: [DrillResult]) -> String {
        guard !results.isEmpty else { return "no drill has been recorded" }
        return results.map { result in
            [
                result.id, result.succeeded ? "passed" : "FAILED", result.backup ?? "-",
                result.duration.map { "\($0.milliseconds / 1000) s" } ?? "-", result.failure ?? "",
            ].joined(separator: "  ")
        }.joined(separator: "\n")
    }

    static func text(_ result: DrillResult) -> String {
        var lines = [text([result])]
        for phase in result.phases { lines.append("  \(phase.name): \(phase.milliseconds) ms") }
        for check in result.checks {
            lines.append("  \(check.passed ? "passed" : "FAILED")  \(check.name): \(check.detail)")
        }
        return lines.joined(separator: "\n")
    }
}
