import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("WAL that nobody else has", .ownThread)
struct DivergedWALTests {
    private let deadline = BootClock.now() + .seconds(60)

    private func directory(_ server: PostgresServer) async throws -> DataDirectory {
        DataDirectory(path: server.dataDirectory, cluster: "demo", major: try await server.installation.major())
    }

    @Test("is kept before a rewind, can be read, and stays as it was", arguments: PostgresInstallation.ends)
    func kept(installation: PostgresInstallation) async throws {
        let a = try await PostgresServer.primary(member: "pg-1", installation: installation)
        let directory = try await directory(a)
        try directory.writeIdentity(
            DataDirectoryIdentity(
                cluster: "demo", systemIdentifier: try a.report().systemIdentifier, majorVersion: directory.major,
                term: 1))
        try AsPostgres.own(a.dataDirectory)
        let b = try await a.standby(member: "pg-2")
        try a.query("CREATE TABLE t AS SELECT 1 AS i")
        let reached = try a.report().flushed
        try await eventually("it has it") { try b.report().replayed >= reached }
        try b.reload(.standby(upstream: nil, slot: nil))
        try WALReceiver.end(b.configuration.local(), deadline: deadline)
        try Promotion.request(on: b.configuration.local(), awaiting: .none, deadline: deadline)
        try await eventually("it is out of recovery") { try !b.report().inRecovery }
        try Promotion.checkpoint(on: b.connect(), deadline: deadline)
        let history = try #require(
            try DataDirectory(path: b.dataDirectory, cluster: "demo", major: directory.major)
                .timelineHistory(TimelineID(2)))
        let fork = try #require(history.end(of: TimelineID(1)))
        // Two segments, the second with a row that was acknowledged to somebody.
        try a.query("INSERT INTO t VALUES (2)")
        try a.query("SELECT pg_switch_wal()")
        try a.query("SELECT pg_logical_emit_message(true, 'x', 'the lost one')")
        let end = try a.report().flushed
        try await a.stop(SIGQUIT)

        let set = try #require(try directory.keepDivergedWAL(on: TimelineID(1), from: fork, reason: "A test."))
        #expect(set.segments == 2 && set.fork == fork && set.end >= end)
        #expect(directory.divergedWALSets() == [set])
        #expect(try directory.keepDivergedWAL(on: TimelineID(1), from: fork) == set)
        // Nothing of it on what follows, nor behind its end.
        #expect(try directory.keepDivergedWAL(on: TimelineID(2), from: fork) == nil)

        func dump() async throws -> String {
            try AsPostgres.own(a.root.path)
            let command = Command(
                installation.binaries.path("pg_waldump"),
                ["--path=\(set.path)", "--timeline=1", "--start=\(fork)", "--end=\(end)"],
                environment: installation.tools.environment)
            return try await PostgresFixture.run(command)
        }
        let before = try await dump()
        #expect(before.contains("the lost one") || before.contains("prefix \"x\""))
        #expect(try Files.readText(set.path + "/README").contains("--start=\(fork)"))

        // What rewrites segments in place does not reach it.
        try directory.beginRewind(from: "pg-2")
        try AsPostgres.own(a.root.path)
        let source = a.configuration.upstream(host: "127.0.0.1", port: b.port)
        try await PostgresFixture.run(installation.tools.rewind(a.dataDirectory, to: source))
        try a.configuration.prepareStart(.standby(upstream: source, slot: nil))
        try directory.endRewind(term: 2)
        try await a.start(.standby(upstream: source, slot: nil))
        try await eventually("it follows") { try a.report().isStreaming }
        #expect(try a.report().timeline == TimelineID(2))
        #expect(try await dump() == before)
    }

    @Test("there is none where the cluster went on from the very end, or further")
    func nothing() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let directory = try await directory(a)
        try a.query("SELECT pg_switch_wal()")
        try a.query("CREATE TABLE t AS SELECT generate_series(1, 1000)")
        try await a.stop()
        let control = try ControlData.read(dataDirectory: a.dataDirectory)
        // The last record is the checkpoint of the shutdown: what follows has never been written.
        let dump = try await PostgresFixture.run(
            Command(
                PostgresFixture.binaries.path("pg_waldump"),
                ["--path=\(a.dataDirectory)/pg_wal", "--start=\(control.checkpoint)", "--limit=1"],
                environment: PostgresFixture.tools.environment))
        #expect(dump.contains("CHECKPOINT_SHUTDOWN"))
        let tail = WALTail(
            directory: a.dataDirectory + "/pg_wal", timeline: TimelineID(1), segmentSize: control.walSegmentSize)
        #expect(tail.hasRecord(at: control.checkpoint))
        let end = LSN(rawValue: control.checkpoint.rawValue + 120)
        #expect(!tail.hasRecord(at: end))
        #expect(try directory.keepDivergedWAL(on: TimelineID(1), from: end) == nil)
        #expect(try directory.keepDivergedWAL(on: TimelineID(1), from: LSN(rawValue: 1 << 40)) == nil)
        #expect(try directory.keepDivergedWAL(on: TimelineID(1), from: control.checkpoint) != nil)
        #expect(directory.divergedWALSets().count == 1)
    }

    @Test("of several sets the oldest go, by number and by size, and never the newest")
    func bounds() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let directory = try await directory(a)
        var positions: [LSN] = []
        for _ in 0..<3 {
            positions.append(try #require(try a.value("SELECT pg_current_wal_insert_lsn()").flatMap { LSN($0) }))
            try a.query("SELECT pg_logical_emit_message(true, 'x', 'y')")
        }
        try await a.stop()
        var kept: [DivergedWAL] = []
        for (number, position) in positions.enumerated() {
            let set = try #require(try directory.keepDivergedWAL(on: TimelineID(1), from: position, keep: 2))
            kept.append(set)
            // Kept in other years, not in one second.
            var dated = set
            dated.keptAt = Int64(number)
            try Files.writeDurably(encodeDocument(dated), to: set.path + "/" + DivergedWAL.fileName)
        }
        #expect(directory.divergedWALSets().map(\.fork) == Array(positions.suffix(2)))
        let last = try directory.keepDivergedWAL(on: TimelineID(1), from: positions[0], keep: 5, maximumBytes: 1)
        #expect(directory.divergedWALSets() == [try #require(last)])
    }
}
