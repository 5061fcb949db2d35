import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("Replicas of replicas, delayed replicas, and another cluster's leader", .ownThread)
struct CascadeTests {
    private func soon(_ limit: Duration = .seconds(20)) -> Instant { BootClock.now() + limit }

    @Test("a clone of a replica follows it; the primary keeps no WAL for a member that streams from elsewhere")
    func cascade() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        let c = try await b.standby(member: "pg-3")
        try a.query("CREATE TABLE t AS SELECT generate_series(1, 1000) AS i")
        try await eventually("it comes through") { (try? c.value("SELECT count(*) FROM t")) == "1000" }
        let middle = try b.report()
        #expect(middle.inRecovery && middle.replicas["pg-3"]?.streaming == true)
        #expect(try a.report().replicas.keys.sorted() == ["pg-2"])
        #expect(try c.report().receiver?.port == b.port)

        // The primary has a slot for it all the same, and moves it on by what the member says.
        let members: [MemberName] = ["pg-1", "pg-2", "pg-3"]
        let connection = try a.connect()
        func reconcile(_ positions: [MemberName: LSN]) throws -> LocalReport {
            let plan = SlotPlan(
                report: try a.report(), member: "pg-1", members: members, positions: positions, permanent: ["tool"])
            #expect(try Slots.reconcile(plan, on: connection, deadline: soon()) == [])
            return try a.report()
        }
        let first = try reconcile([:])
        #expect(Set(first.slots.map(\.name)) == ["pgmahout_pg_2", "pgmahout_pg_3", "tool"])
        try a.query("INSERT INTO t SELECT generate_series(1, 1000)")
        let reached = try a.report().flushed
        try await eventually("it has received it") { try c.report().flushed >= reached }
        let second = try reconcile(["pg-2": reached, "pg-3": reached])
        #expect(second.slots.first { $0.name == "pgmahout_pg_3" }?.restart == reached)
        let tool = try #require(second.slots.first { $0.name == "tool" }?.restart)
        #expect(tool < reached)
        #expect(try Slots.positions(of: ["tool", "none"], on: connection, deadline: soon()) == ["tool": tool])

        // Its upstream goes away: it streams from the primary.
        b.kill()
        let upstream = c.configuration.upstream(host: "127.0.0.1", port: a.port)
        try c.reload(.standby(upstream: upstream, slot: "pgmahout_pg_3"))
        try a.query("INSERT INTO t VALUES (0)")
        try await eventually("it follows the primary") { (try? c.value("SELECT min(i) FROM t")) == "0" }
    }

    @Test("a delayed replica has received what it has not replayed, and catches up when it is told to")
    func delayed() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        var configuration = b.configuration
        let upstream = configuration.upstream(host: "127.0.0.1", port: a.port)
        let role = ServerConfiguration.Role.standby(upstream: upstream, slot: SlotName.of("pg-2"))
        func load(_ delay: Int64?) throws {
            configuration.applyDelayMilliseconds = delay
            try configuration.write(role)
            try AsPostgres.own(b.dataDirectory)
            b.signal(SIGHUP)
        }
        try load(3_600_000)
        try await eventually("it is loaded") { try b.value("SHOW recovery_min_apply_delay") == "1h" }
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        let reached = try a.report().flushed
        try await eventually("it has received it") { try b.report().flushed >= reached }
        let report = try b.report()
        #expect(report.replayed < reached && !report.isReplayPaused)
        try b.reload(.standby(upstream: nil, slot: nil))
        configuration.applyDelayMilliseconds = 3_600_000
        try WALReceiver.end(configuration.local(), deadline: soon())
        #expect(try b.report().flushed >= reached)
        try load(nil)
        try await eventually("it has replayed it") { (try? b.value("SELECT i FROM t")) == "1" }
    }

    @Test("the leader of a standby cluster follows another primary by stream and by archive, and its own follow it")
    func standbyCluster() async throws {
        let a = try await PostgresServer.primary(member: "pg-1", parameters: ["wal_keep_size": "0"])
        let leader = try await a.standby(member: "other-1")
        let follower = try await leader.standby(member: "other-2")
        let archive = try TemporaryDirectory()
        try AsPostgres.own(archive.path)
        let conninfo = leader.configuration.upstream(host: "127.0.0.1", port: a.port).conninfo
        try leader.reload(
            .standbyLeader(
                ServerConfiguration.RemotePrimary(conninfo: conninfo, slot: SlotName.of("other-1"))))
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        try await eventually("it comes through") { (try? follower.value("SELECT i FROM t")) == "1" }

        // Only by archive: files that somebody puts there.
        let restore = "cp \(archive.path)/%f %p"
        try leader.reload(
            .standbyLeader(ServerConfiguration.RemotePrimary(conninfo: nil, slot: nil, restoreCommand: restore)))
        try WALReceiver.end(leader.configuration.local(), deadline: soon())
        try a.query("INSERT INTO t VALUES (2)")
        let segment = try #require(try a.value("SELECT pg_walfile_name(pg_switch_wal())"))
        try await PostgresFixture.run(
            Command("/bin/cp", ["\(a.dataDirectory)/pg_wal/\(segment)", "\(archive.path)/\(segment)"]))
        try await eventually("it comes through the archive") { (try? follower.value("SELECT max(i) FROM t")) == "2" }
        #expect(try !leader.report().hasReceiverProcess)
        #expect(throws: DataDirectoryError.self) { try leader.configuration.prepareStart(.primary) }
    }

    @Test("only members get in until clients are admitted")
    func admission() async throws {
        let a = try PostgresServer(member: "pg-1")
        try await PostgresFixture.run(
            Command("/bin/cp", ["-a", PostgresFixture.template(), a.dataDirectory]))
        var configuration = a.configuration
        configuration.hostBasedAccess = ["host all all samehost trust"]
        configuration.admitsClients = false
        try configuration.prepareStart(.primary)
        try a.startPostmaster()
        try await eventually("it answers") { (try? a.query("SELECT 1")) != nil }
        #expect(try !a.report().admitsClients)
        try a.query("CREATE ROLE app LOGIN")
        var client = ConnectionInfo(host: "127.0.0.1", port: a.port, user: "app", applicationName: "app")
        func enter() -> SQLError.Kind? {
            do throws(SQLError) {
                try SQLConnection.open(client, deadline: soon()).close()
                return nil
            } catch { return error.kind }
        }
        #expect(enter() == .authentication)
        client.user = PostgresFixture.superuser
        #expect(enter() == .authentication)
        // Replicas, and what reads files for a rewind.
        var member = a.configuration.upstream(host: "127.0.0.1", port: a.port)
        try SQLConnection.open(member, deadline: soon()).close()
        member.replication = true
        _ = try SystemIdentification.take(on: SQLConnection.open(member, deadline: soon()), deadline: soon())

        configuration.admitsClients = true
        try configuration.writeAccess()
        try AsPostgres.own(a.dataDirectory)
        a.signal(SIGHUP)
        try await eventually("clients are admitted") { try a.report().admitsClients }
        client.user = "app"
        #expect(enter() == nil)
    }

    @Test("a full table of connections is told from a server that is in trouble; how big a copy is, the member may ask")
    func exhausted() async throws {
        let a = try await PostgresServer.primary(
            member: "pg-1", parameters: ["max_connections": "7", "superuser_reserved_connections": "5"])
        let info = a.configuration.upstream(host: "127.0.0.1", port: a.port)
        let first = try SQLConnection.open(info, deadline: soon())
        let second = try SQLConnection.open(info, deadline: soon())
        let error = #expect(throws: SQLError.self) { try SQLConnection.open(info, deadline: soon()) }
        #expect(error?.kind == .exhausted)
        second.close()
        let size = try CopySize.take(on: first, deadline: soon())
        #expect(size > 64 << 20 && size < 1 << 30)
        // The reserved ones are left.
        #expect(try a.value("SELECT 1") == "1")
    }

    @Test("a promotion waits until whom commits wait for is loaded, and then commits do wait")
    func promotionAwaits() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        let setting = SynchronousSetting(members: ["pg-9"], required: 1)
        let error = #expect(throws: SQLError.self) {
            try Promotion.request(on: b.configuration.local(), awaiting: setting, deadline: soon(.milliseconds(200)))
        }
        #expect(error?.kind == .timedOut)
        #expect(try b.report().inRecovery)
        var configuration = b.configuration
        configuration.synchronous = setting
        try configuration.writeSynchronous()
        try AsPostgres.own(b.dataDirectory)
        b.signal(SIGHUP)
        try Promotion.request(on: configuration.local(), awaiting: setting, deadline: soon())
        try await eventually("it is out of recovery") { try !b.report().inRecovery }
        #expect(throws: SQLError.self) { try b.query("CREATE TABLE t()", within: .milliseconds(300)) }
    }
}
