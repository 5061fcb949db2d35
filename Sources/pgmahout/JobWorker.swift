import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Glibc
import ObjectStorage
import Platform

/// Carries one job out, in a process of its own.
struct JobWorker {
    private let configuration: PgmahoutConfiguration
    private let configurationPath: String
    private let output: JobOutput
    private let wiring: ArchiveWiring

    init(_ configuration: PgmahoutConfiguration, configurationPath: String, _ output: JobOutput) {
        self.configuration = configuration
        self.configurationPath = configurationPath
        self.output = output
        wiring = ArchiveWiring(configuration)
    }

    /// - Returns: what came of it, in a few words.
    func run(_ kind: JobKind) throws -> String {
        switch kind {
        case .backup: try backup()
        case .dump: try dump()
        case .drill: try drill()
        case .retention: try retention()
        case .verify: try verify()
        }
    }

    private var now: Timestamp { Timestamp(microseconds: Int64(time(nil)) * 1_000_000) }

    private func archive() throws -> PgmahoutConfiguration.Archive {
        guard let archive = configuration.archive else {
            throw Failure(.configuration, "the configuration has no section 'archive'")
        }
        return archive
    }

    private func backup() throws -> String {
        let settings = try wiring.settings()
        var options = BaseBackup.Options()
        options.member = configuration.member.rawValue
        options.rate = try archive().backup.rate
        switch try archive().backup.from {
        case .primary: options.source = .primary
        case .standby: options.source = .standby
        case .preferStandby: break
        }
        try awaitLock(try settings.location.open(), settings.layout)
        return try BaseBackup.take(
            settings, connection: wiring.server(), options: options, progress: { output.show($0) }
        ).id
    }

    /// A backup that was taken over from another member is still locked by it until it counts as dead.
    private func awaitLock(_ store: any ObjectStore, _ layout: ArchiveLayout) throws {
        let deadline = BootClock.now() + Self.lockWait
        while let holder = try BackupLock.current(store, layout), BootClock.now() < deadline {
            output.show(ArchiveProgress(phase: "waiting for the backup of \(holder.name) to end"))
            usleep(1_000_000)
        }
    }

    private static let drillResults = 200

    /// Longer than the lock of a dead process lasts.
    private static let lockWait = Duration.seconds(180)

    private func dump() throws -> String {
        let settings = try wiring.settings()
        let store = try settings.openOwn()
        let archive = try archive()
        let run = LogicalDumpRun(
            wiring.dumpServer(), store, settings.layout, compressionLevel: settings.compressionLevel)
        let dump = try run.take(archive.dump.databases) { output.show($0) }
        let pruned = try LogicalDump.prune(store, settings.layout, keep: archive.dump.keep, now: now)
        return "\(dump.id), \(dump.databases.count) databases"
            + (pruned.isEmpty ? "" : "; \(pruned.count) old ones went")
    }

    private func drill() throws -> String {
        output.show(ArchiveProgress(phase: "restoring"))
        let drill = try archive().drill
        var arguments = ["run", "--config", configurationPath]
        if drill.from != .standby { arguments.append("--on-primary") }
        if let database = drill.database { arguments.append("--expect-database=\(database)") }
        if let role = drill.role { arguments.append("--expect-role=\(role)") }
        arguments += drill.queries.map { "--query=\($0)" }
        guard let command = try Drill.parseAsRoot(arguments) as? DrillRun else {
            throw Failure(.internal, "the drill cannot be started")
        }
        try command.run()
        return "passed"
    }

    private func retention() throws -> String {
        let settings = try wiring.settings()
        let store = try settings.openOwn()
        let archive = try archive()
        let inventory = try ArchiveInventory.read(store, settings.layout)
        let plan = RetentionPlan(
            inventory,
            .init(
                policy: archive.retention.flatMap { RetentionPolicy($0) }, minimum: archive.minimumRedundancy, now: now)
        )
        for verdict in plan.backups where verdict.deletes || verdict.backup.unreadable != nil {
            Console.error(
                "pgmahout: retention: \(verdict.deletes ? "deletes" : "keeps") \(verdict.backup.id): \(verdict.reason)")
        }
        let run = RetentionRun(store, settings.layout, progress: { output.show($0) })
        try run.apply(plan)
        try run.removeAbandonedUploads(olderThan: .seconds(86_400))
        try LogicalDump.prune(store, settings.layout, keep: archive.dump.keep, now: now)
        try DrillResult.prune(store, settings.layout, keep: Self.drillResults)
        return "deleted \(plan.deleted.count) backups and \(plan.wal.count) WAL files, \(Amounts.bytes(plan.bytes))"
    }

    private func verify() throws -> String {
        let settings = try wiring.settings()
        var options = BackupVerification.Options()
        options.parallel = settings.parallel
        options.rate = try archive().verify.rate
        var (checked, bad) = (0, [String]())
        try BackupVerification(settings.location.open(), settings.layout, options).run(
            .all, progress: { output.show($0) }
        ) { check in
            checked += 1
            for finding in check.findings { Console.error("pgmahout: verify: backup \(check.backup): \(finding)") }
            if !check.isGood { bad.append(check.backup) }
        }
        guard bad.isEmpty else {
            throw Failure(.failed, "something is wrong with \(bad.joined(separator: ", ")): pgmahout backup verify")
        }
        return "\(checked) backups are good"
    }
}

extension ArchiveWiring {
    /// For pg_dump and psql: this member's own server.
    func dumpServer() -> LogicalDumpRun.Server {
        LogicalDumpRun.Server(
            binDirectory: configuration.postgres.binDirectory, connection: server(),
            guardProgram: Programs.path("pgmahout-guard"))
    }
}
