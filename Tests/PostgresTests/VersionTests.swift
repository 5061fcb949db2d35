import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Every version of PostgreSQL", .ownThread)
struct VersionTests {
    private func soon(_ limit: Duration = .seconds(30)) -> Instant { BootClock.now() + limit }

    @Test("pg_control is read as its own program reads it", arguments: PostgresInstallation.all)
    func controlData(installation: PostgresInstallation) async throws {
        let directory = try await installation.template()
        let control = try ControlData.read(dataDirectory: directory)
        let text = try await PostgresFixture.run(
            Command(
                installation.binaries.path("pg_controldata"), ["-D", directory],
                environment: installation.tools.environment))
        func value(_ name: String) -> String? {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") }
            return line?.dropFirst(name.count + 1).drop { $0 == " " }.description
        }
        let major = try await installation.major()
        #expect(value("pg_control version number") == String(control.version))
        #expect(control.version == (major >= 17 ? UInt32(major * 100) : 1300))
        #expect(value("Catalog version number") == String(control.catalogVersion))
        #expect(value("Database system identifier") == control.systemIdentifier.description)
        #expect(value("Database cluster state") == control.state.description)
        #expect(value("Latest checkpoint location") == control.checkpoint.description)
        #expect(value("Latest checkpoint's REDO location") == control.redo.description)
        #expect(value("Latest checkpoint's TimeLineID") == control.checkpointTimeline.description)
        #expect(value("Latest checkpoint's PrevTimeLineID") == control.previousTimeline.description)
        #expect(value("Minimum recovery ending location") == control.minRecoveryPoint.description)
        #expect(value("Backup start location") == control.backupStart.description)
        #expect(value("Backup end location") == control.backupEnd.description)
        #expect(value("wal_log_hints setting") == (control.walLogHints ? "on" : "off"))
        #expect(value("max_connections setting") == String(control.settings.maxConnections))
        #expect(value("max_worker_processes setting") == String(control.settings.maxWorkerProcesses))
        #expect(value("max_wal_senders setting") == String(control.settings.maxWALSenders))
        #expect(value("max_prepared_xacts setting") == String(control.settings.maxPreparedTransactions))
        #expect(value("max_locks_per_xact setting") == String(control.settings.maxLocksPerTransaction))
        #expect(value("Database block size") == String(control.blockSize))
        #expect(value("Bytes per WAL segment") == String(control.walSegmentSize))
        #expect(value("Data page checksum version") == (control.dataChecksums ? "1" : "0"))
        #expect(control.dataChecksums)
    }

    @Test("page checksums are off only when they were not wanted", arguments: PostgresInstallation.ends)
    func checksums(installation: PostgresInstallation) async throws {
        let root = try TemporaryDirectory()
        try AsPostgres.own(root.path)
        let settings = Tools.InitialSettings(superuser: "postgres", dataChecksums: false)
        try await PostgresFixture.run(
            installation.tools.initdb(into: root.file("data"), settings, major: installation.major()))
        #expect(try !ControlData.read(dataDirectory: root.file("data")).dataChecksums)
    }

    @Test("a cluster's life: replication, promotion by number, rewind, slots", arguments: PostgresInstallation.all)
    func life(installation: PostgresInstallation) async throws {
        let major = try await installation.major()
        let a = try await PostgresServer.primary(member: "pg-1", installation: installation)
        #expect(try a.report().serverVersion / 10000 == major)
        let directory = DataDirectory(path: a.dataDirectory, cluster: "demo", major: major)
        try directory.writeIdentity(
            DataDirectoryIdentity(
                cluster: "demo", systemIdentifier: try a.report().systemIdentifier, majorVersion: major, term: 1))
        try AsPostgres.own(a.dataDirectory)
        guard case .ours = directory.inspect() else {
            Issue.record("\(directory.inspect())")
            return
        }
        let b = try await a.standby(member: "pg-2")
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        let reached = try a.report().flushed
        try await eventually("the replica has it") { try b.report().replayed >= reached }
        try await eventually("the primary sees it") { try a.report().replicas["pg-2"]?.flushed ?? .zero >= reached }
        #expect(try b.report().isStreaming && b.report().hasReceiverProcess)

        var configuration = b.configuration
        configuration.synchronous = SynchronousSetting(members: ["pg-1"], required: 1)
        try configuration.write(.standby(upstream: nil, slot: nil))
        try AsPostgres.own(b.dataDirectory)
        b.signal(SIGHUP)
        try WALReceiver.end(b.configuration.local(), deadline: soon())
        try DataDirectory(path: b.dataDirectory, cluster: "demo", major: major)
            .reserveTimelines(from: TimelineID(1), to: TimelineID(3))
        try AsPostgres.own(b.dataDirectory)
        try Promotion.request(on: b.configuration.local(), awaiting: configuration.synchronous, deadline: soon())
        try await eventually("it is promoted") { try !b.report().inRecovery }
        #expect(try b.report().timeline == TimelineID(3))
        #expect(throws: SQLError.self) { try b.query("CREATE TABLE u()", within: .milliseconds(300)) }
        configuration.synchronous = .none
        try configuration.write(.primary)
        try AsPostgres.own(b.dataDirectory)
        b.signal(SIGHUP)
        try await eventually("commits wait for nobody") { try b.report().synchronous == .none }
        try await eventually("nothing waits for a restart") { try !b.report().pendingRestart }
        try Promotion.checkpoint(on: b.connect(), deadline: soon())
        try b.query("INSERT INTO t VALUES (2)")
        try a.query("INSERT INTO t VALUES (3)")
        try await a.stop(SIGQUIT)

        try directory.beginRewind(from: "pg-2")
        try AsPostgres.own(a.root.path)
        let source = a.configuration.upstream(host: "127.0.0.1", port: b.port)
        try await PostgresFixture.run(installation.tools.rewind(a.dataDirectory, to: source))
        let plan = SlotPlan(report: try b.report(), member: "pg-2", members: ["pg-1", "pg-2"], positions: [:])
        #expect(try Slots.reconcile(plan, on: b.connect(), deadline: soon()) == [])
        let role = ServerConfiguration.Role.standby(upstream: source, slot: SlotName.of("pg-1"))
        try a.configuration.prepareStart(role)
        try directory.endRewind(term: 2)
        try await a.start(role)
        try await eventually("it has what the new primary has") {
            (try? a.value("SELECT string_agg(i::text, ',' ORDER BY i) FROM t")) == "1,2"
        }
        try await eventually("it streams through its slot") { try a.report().receiver?.slot == SlotName.of("pg-1") }
        #expect(try b.value("SELECT count(*) FROM pg_settings WHERE pending_restart") == "0")
        #expect(try a.value("SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL") == "0")
    }
}
