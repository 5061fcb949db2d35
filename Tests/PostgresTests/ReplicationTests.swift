import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Replication with real servers")
struct ReplicationTests {
    private func soon(_ limit: Duration = .seconds(20)) -> Instant { BootClock.now() + limit }

    private func promote(_ server: PostgresServer) async throws {
        let connection = try server.connect()
        try Promotion.request(on: connection, deadline: soon())
        try await eventually("it is out of recovery") { try !server.report().inRecovery }
        try Promotion.checkpoint(on: connection, deadline: soon())
    }

    @Test("a clone follows, is asked, follows another timeline, and stops receiving when it is told to")
    func followPromotion() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        let c = try await a.standby(member: "pg-3")
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        for standby in [b, c] {
            try await eventually("\(standby.configuration.member) has the row") {
                (try? standby.value("SELECT i FROM t")) == "1"
            }
        }
        let primary = try a.report()
        let replica = try b.report()
        #expect(!primary.inRecovery && replica.inRecovery)
        #expect(replica.isStreaming)
        #expect(replica.receiver?.host == "127.0.0.1" && replica.receiver?.port == a.port)
        #expect(replica.receiver?.slot == "pgmahout_pg_2")
        #expect(replica.systemIdentifier == primary.systemIdentifier)
        #expect(Set(primary.senders.map(\.applicationName)) == ["pg-2", "pg-3"])
        #expect(primary.slots.allSatisfy { $0.isActive && $0.isPhysical })

        // A vote: the receiver stops first, so that what is reported does not grow any more.
        try c.reload(.standby(upstream: nil, slot: nil))
        try await eventually("it receives no more") { try c.report().receiver == nil }

        try await a.stop()
        try await promote(b)
        let history = try #require(
            try DataDirectory(path: b.dataDirectory, cluster: "x", major: 15).timelineHistory(TimelineID(2)))
        let stopped = try c.report()
        #expect(stopped.timeline == TimelineID(1))
        #expect(history.canBeFollowed(from: stopped.timeline, at: stopped.flushed))
        #expect(try ControlData.read(dataDirectory: b.dataDirectory).timeline == TimelineID(2))

        // The same as asked from elsewhere, as the replication user.
        var info = c.configuration.upstream(host: "127.0.0.1", port: b.port)
        info.replication = true
        let remote = try SQLConnection.open(info, deadline: soon())
        #expect(try SystemIdentification.take(on: remote, deadline: soon()).timeline == TimelineID(2))
        #expect(try SystemIdentification.history(of: TimelineID(2), on: remote, deadline: soon()) == history)
        #expect(try remote.query("SELECT pg_is_in_recovery()", deadline: soon()) == [["f"]])

        try b.query("INSERT INTO t VALUES (2)")
        try c.reload(.standby(upstream: c.configuration.upstream(host: "127.0.0.1", port: b.port), slot: nil))
        try await eventually("it follows the new primary") { (try? c.value("SELECT max(i) FROM t")) == "2" }
        #expect(try c.report().timeline == TimelineID(2))

        // The timeline that was replayed is known without a receiver, though pg_control does not have it yet.
        b.kill()
        try await eventually("it is alone") { try c.report().receiver == nil }
        #expect(try c.report().timeline == TimelineID(2))
    }

    @Test("a standby has slots for the others, and moves them on, so that a failover loses no replica")
    func slots() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        let members: [MemberName] = ["pg-1", "pg-2", "pg-3"]
        let connection = try b.connect()
        func reconcile(_ positions: [MemberName: LSN]) throws -> LocalReport {
            let plan = SlotPlan(
                report: try LocalReport.take(on: connection, deadline: soon()), member: "pg-2", members: members,
                positions: positions)
            #expect(try Slots.reconcile(plan, on: connection, deadline: soon()) == [])
            return try LocalReport.take(on: connection, deadline: soon())
        }
        let before = try reconcile([:])
        #expect(Set(before.slots.map(\.name)) == ["pgmahout_pg_1", "pgmahout_pg_3"])
        #expect(before.slots.allSatisfy { $0.restart != nil && !$0.isActive })

        try a.query("CREATE TABLE t AS SELECT generate_series(1, 10000)")
        let reached = try a.report().flushed
        try await eventually("the standby has it") { try b.report().replayed >= reached }
        let after = try reconcile(["pg-1": reached, "pg-3": reached])
        #expect(after.slots.allSatisfy { $0.restart == reached })

        let gone = SlotPlan(report: after, member: "pg-2", members: ["pg-2"], positions: [:])
        #expect(try Slots.reconcile(gone, on: connection, deadline: soon()) == [])
        #expect(try b.report().slots == [])
    }

    @Test("one slot that cannot be changed does not hold up the others")
    func slotsIndependent() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let connection = try a.connect()
        var plan = SlotPlan(report: try a.report(), member: "pg-1", members: ["pg-2"], positions: [:])
        plan.drop = ["pgmahout_missing"]
        let problems = try Slots.reconcile(plan, on: connection, deadline: soon())
        #expect(problems.map(\.sqlState) == ["42704"])
        #expect(try a.report().slots.map(\.name) == ["pgmahout_pg_2"])
    }

    @Test("a diverged primary that crashed is rewound and follows", arguments: [SIGQUIT, SIGINT])
    func rewind(signal: Int32) async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let directory = DataDirectory(path: a.dataDirectory, cluster: "demo", major: try await PostgresFixture.major())
        let identity = DataDirectoryIdentity(
            cluster: "demo", systemIdentifier: try a.report().systemIdentifier, majorVersion: directory.major, term: 1)
        try directory.writeIdentity(identity)
        try AsPostgres.own(a.dataDirectory)
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        let b = try await a.standby(member: "pg-2")
        try await promote(b)
        try b.query("INSERT INTO t VALUES (2)")
        try a.query("INSERT INTO t VALUES (3)")
        let position = try a.report().flushed
        try await a.stop(signal)

        let history = try #require(
            try DataDirectory(path: b.dataDirectory, cluster: "demo", major: 15).timelineHistory(TimelineID(2)))
        #expect(!history.canBeFollowed(from: TimelineID(1), at: position))
        try directory.beginRewind(from: "pg-2")
        try AsPostgres.own(a.root.path)
        let source = a.configuration.upstream(host: "127.0.0.1", port: b.port)
        try await PostgresFixture.run(PostgresFixture.tools.rewind(a.dataDirectory, to: source))
        // The source's configuration came along; ours replaces it before the directory may be started.
        #expect(try Files.readText(a.dataDirectory + "/postgresql.conf").contains("cluster_name = 'pg-2'"))
        _ = try b.query("SELECT pg_create_physical_replication_slot('pgmahout_pg_1', true)")
        let role = ServerConfiguration.Role.standby(upstream: source, slot: "pgmahout_pg_1")
        try a.configuration.prepareStart(role)
        try directory.endRewind(term: 2)
        #expect(throws: DataDirectoryError.self) { try a.configuration.prepareStart(.primary) }
        try await a.start(role)
        #expect(try directory.readIdentity()?.term == 2)
        #expect(try a.value("SHOW cluster_name") == "pg-1")
        try await eventually("it has what the new primary has") {
            (try? a.value("SELECT string_agg(i::text, ',' ORDER BY i) FROM t")) == "1,2"
        }
        try await eventually("it streams") { try a.report().isStreaming }
    }

    @Test("a crashed standby that received more than the new primary ever had is rewound and follows")
    func rewindStandby() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        let c = try await a.standby(member: "pg-3")
        let directory = DataDirectory(path: b.dataDirectory, cluster: "demo", major: try await PostgresFixture.major())
        try directory.writeIdentity(
            DataDirectoryIdentity(
                cluster: "demo", systemIdentifier: try a.report().systemIdentifier, majorVersion: directory.major,
                term: 1))
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        let reached = try a.report().flushed
        try await eventually("both have it") { try [b, c].allSatisfy { try $0.report().replayed >= reached } }
        try c.reload(.standby(upstream: nil, slot: nil))
        try await eventually("one receives no more") { try c.report().receiver == nil }
        try a.query("INSERT INTO t VALUES (2)")
        let lost = try a.report().flushed
        try await eventually("the other has more") { try b.report().replayed >= lost }
        a.kill()
        try await promote(c)
        b.kill()

        try directory.beginRewind(from: "pg-3")
        try AsPostgres.own(b.root.path)
        let source = b.configuration.upstream(host: "127.0.0.1", port: c.port)
        try await PostgresFixture.run(PostgresFixture.tools.rewind(b.dataDirectory, to: source))
        let role = ServerConfiguration.Role.standby(upstream: source, slot: nil)
        try b.configuration.prepareStart(role)
        try directory.endRewind(term: 2)
        try await b.start(role)
        try c.query("INSERT INTO t VALUES (3)")
        try await eventually("it has what the new primary has") {
            (try? b.value("SELECT string_agg(i::text, ',' ORDER BY i) FROM t")) == "1,3"
        }
    }
}
