import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Numbers of timelines", .ownThread)
struct TimelineNumberTests {
    private let deadline = BootClock.now() + .seconds(60)

    private func directory(_ server: PostgresServer) -> DataDirectory {
        DataDirectory(path: server.dataDirectory, cluster: "demo", major: 15)
    }

    /// What archive_command was called with, one name a line, beside a restore_command that serves `root/archive`.
    private func archiving() throws -> (root: TemporaryDirectory, client: ServerConfiguration.ArchiveClient) {
        let root = try TemporaryDirectory()
        let program = root.file("client")
        let script = """
            #!/bin/sh
            # push --socket S %p %f | fetch --socket S %f %p
            case $1 in
            push) echo "$5" >>'\(root.path)/pushed' ;;
            fetch) cp '\(root.path)/archive/'"$4" "$5" 2>/dev/null ;;
            esac
            """
        try Files.writeDurably(Array(script.utf8), to: program, mode: 0o755)
        _ = try root.directory("archive")
        try AsPostgres.own(root.path)
        return (root, ServerConfiguration.ArchiveClient(program: program, socket: "/x"))
    }

    private func promote(_ server: PostgresServer, from own: UInt32, to target: UInt32) async throws {
        try directory(server).reserveTimelines(from: TimelineID(own), to: TimelineID(target))
        try AsPostgres.own(server.dataDirectory)
        try Promotion.request(on: server.configuration.local(), awaiting: .none, deadline: deadline)
        try await eventually("it is out of recovery") { try !server.report().inRecovery }
        try Promotion.checkpoint(on: server.connect(), deadline: deadline)
    }

    @Test("a promotion takes the number that was promised; replicas follow across, and a diverged primary is rewound")
    func skip() async throws {
        let (root, client) = try archiving()
        let a = try await PostgresServer.primary(member: "pg-1", archive: client)
        let b = try await a.standby(member: "pg-2", archive: client)
        let c = try await a.standby(member: "pg-3")
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        let reached = try a.report().flushed
        try await eventually("both have it") { try [b, c].allSatisfy { try $0.report().replayed >= reached } }
        try directory(a).writeIdentity(
            DataDirectoryIdentity(
                cluster: "demo", systemIdentifier: try a.report().systemIdentifier, majorVersion: 15, term: 1))

        // What the old primary goes on writing reaches nobody.
        try c.reload(.standby(upstream: nil, slot: nil))
        try WALReceiver.end(c.configuration.local(), deadline: deadline)
        try await promote(b, from: 1, to: 4)
        #expect(try b.report().timeline == TimelineID(4))
        let history = try #require(try directory(b).timelineHistory(TimelineID(4)))
        #expect(history.ancestors.map(\.timeline) == [TimelineID(1)])
        try b.query("INSERT INTO t VALUES (2)")
        try b.query("SELECT pg_switch_wal()")
        try await eventually("the new timeline is archived") {
            ((try? Files.readText(root.file("pushed"))) ?? "").contains("0000000400000000")
        }
        let pushed = try Files.readText(root.file("pushed"))
        #expect(pushed.contains("00000004.history"))
        #expect(!pushed.contains("00000002.history") && !pushed.contains("00000003.history"))

        try a.query("INSERT INTO t VALUES (3)")
        try await a.stop(SIGQUIT)
        try c.reload(.standby(upstream: c.configuration.upstream(host: "127.0.0.1", port: b.port), slot: nil))
        try await eventually("the replica follows across") { (try? c.value("SELECT max(i) FROM t")) == "2" }
        #expect(try c.report().timeline == TimelineID(4))

        try directory(a).beginRewind(from: "pg-2")
        try AsPostgres.own(a.root.path)
        let source = a.configuration.upstream(host: "127.0.0.1", port: b.port)
        try await PostgresFixture.run(PostgresFixture.tools.rewind(a.dataDirectory, to: source))
        try a.configuration.prepareStart(.standby(upstream: source, slot: nil))
        try directory(a).endRewind(term: 2)
        try await a.start(.standby(upstream: source, slot: nil))
        try await eventually("the rewound one has what the new primary has") {
            (try? a.value("SELECT string_agg(i::text, ',' ORDER BY i) FROM t")) == "1,2"
        }
    }

    @Test("a replica follows a primary that has no files of the numbers in between, once they are completed")
    func complete() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        let late = try await a.standby(member: "pg-4", parameters: ["wal_retrieve_retry_interval": "50ms"])
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        let reached = try a.report().flushed
        try await eventually("both have it") { try [b, late].allSatisfy { try $0.report().replayed >= reached } }
        try late.reload(.standby(upstream: nil, slot: nil))
        try WALReceiver.end(late.configuration.local(), deadline: deadline)
        try await a.stop()
        try await promote(b, from: 1, to: 3)
        // A clone has the history of its own timeline, and of none before; nor the WAL, which this one gets by hand.
        let d = try await b.standby(member: "pg-3")
        let wal = try Files.list(b.dataDirectory + "/pg_wal").filter { $0.utf8.count == 24 }
        for name in wal where !Files.exists("\(d.dataDirectory)/pg_wal/\(name)") {
            try await PostgresFixture.run(
                Command("/bin/cp", ["-a", "\(b.dataDirectory)/pg_wal/\(name)", "\(d.dataDirectory)/pg_wal/\(name)"]))
        }
        try await b.stop()
        try await promote(d, from: 3, to: 6)
        #expect(!Files.exists(d.dataDirectory + "/pg_wal/00000002.history"))
        let upstream = late.configuration.upstream(host: "127.0.0.1", port: d.port)
        try late.reload(.standby(upstream: upstream, slot: nil))
        try await eventually("it cannot follow") {
            try Files.readText(late.logFile).contains("could not receive timeline history file")
        }
        let history = try #require(try directory(d).timelineHistory(TimelineID(6)))
        try directory(late).completeHistories(from: TimelineID(1), of: history)
        try AsPostgres.own(late.dataDirectory)
        try d.query("INSERT INTO t VALUES (2)")
        try await eventually("it follows") { (try? late.value("SELECT max(i) FROM t")) == "2" }
        #expect(try late.report().timeline == TimelineID(6))
        #expect(try directory(late).timelineHistory(TimelineID(3))?.ancestors == [history.ancestors[0]])
        #expect(try directory(late).timelineHistory(TimelineID(2))?.ancestors == [])
    }

    @Test("numbers that were reserved and not used are given back before a start, and it starts")
    func release() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        try directory(b).reserveTimelines(from: TimelineID(1), to: TimelineID(4))
        try AsPostgres.own(b.dataDirectory)
        // Running, it is not misled: what does not descend from its own timeline is no goal.
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        try await eventually("it goes on following") { (try? b.value("SELECT i FROM t")) == "1" }
        try await b.stop()
        try directory(b).releaseTimelines(above: TimelineID(1))
        #expect(try Files.list(b.dataDirectory + "/pg_wal").filter { $0.hasSuffix(".history") } == [])
        try await b.start(.standby(upstream: b.configuration.upstream(host: "127.0.0.1", port: a.port), slot: nil))
        #expect(try b.report().timeline == TimelineID(1))
    }

    @Test("real histories stay, and so do the steps that lead to one")
    func releaseKeepsReal() throws {
        let root = try TemporaryDirectory()
        let wal = try root.directory("data/pg_wal")
        let directory = DataDirectory(path: root.file("data"), cluster: "demo", major: 15)
        func present() throws -> [String] { try Files.list(wal).filter { $0.hasSuffix("history") }.sorted() }
        try Files.writeDurably(
            Array("1\t0/3000000\tno recovery target specified\n".utf8), to: wal + "/00000003.history")
        try directory.reserveTimelines(from: TimelineID(1), to: TimelineID(6))
        #expect(try present().count == 4)
        #expect(try directory.timelineHistory(TimelineID(3))?.ancestors.count == 1)
        try directory.releaseTimelines(above: TimelineID(1))
        #expect(try present() == ["00000002.history", "00000003.history"])
        #expect(throws: DataDirectoryError.self) {
            try directory.reserveTimelines(from: TimelineID(1), to: TimelineID(3))
        }
        #expect(throws: DataDirectoryError.self) {
            try directory.reserveTimelines(from: TimelineID(3), to: TimelineID(3))
        }
        // A promise of a lower number than one that was reserved before.
        try directory.reserveTimelines(from: TimelineID(3), to: TimelineID(7))
        try directory.reserveTimelines(from: TimelineID(3), to: TimelineID(5))
        #expect(try !present().contains("00000005.history"))
    }

    @Test(
        "histories in the archive change the number only of a promotion that may ask there", arguments: [false, true])
    func archiveHasHistories(asks: Bool) async throws {
        let (root, client) = try archiving()
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2", archive: client)
        // Somebody was promoted to 2 and to 4 before where this one is, and nobody else knows.
        for name in ["00000002", "00000004"] {
            try Files.writeDurably(
                Array("1\t0/1000028\tno recovery target specified\n".utf8), to: root.file("archive/\(name).history"))
        }
        try AsPostgres.own(root.path)
        var configuration = b.configuration
        configuration.restoresFromArchive = asks
        try configuration.write(.standby(upstream: nil, slot: nil))
        try AsPostgres.own(b.dataDirectory)
        b.signal(SIGHUP)
        try await eventually("it is loaded") {
            try b.value("SHOW primary_conninfo") == "" && (b.value("SHOW restore_command") != "") == asks
        }
        try await promote(b, from: 1, to: 4)
        #expect(try b.report().timeline == TimelineID(asks ? 5 : 4))
    }
}
