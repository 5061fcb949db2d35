import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("WAL segments made in advance", .ownThread)
struct SpareSegmentsTests {
    private func inode(_ path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    @Test(
        "are used by a primary and by what it streams to, and survive a shutdown and a promotion",
        arguments: PostgresInstallation.ends)
    func used(installation: PostgresInstallation) async throws {
        let primary = try await PostgresServer.primary(member: "pg-1", installation: installation)
        let standby = try await primary.standby(member: "pg-2")
        let major = try await installation.major()
        try primary.query("CREATE TABLE t AS SELECT 1 AS i")
        let position = try primary.report().flushed
        let next = WALSegment(timeline: TimelineID(1), containing: position).next
        var made: [UInt64?] = []
        for server in [primary, standby] {
            let directory = DataDirectory(path: server.dataDirectory, cluster: "demo", major: major)
            try directory.keepSpareSegments(on: TimelineID(1), after: position)
            try AsPostgres.own(server.dataDirectory)
            let path = "\(server.dataDirectory)/pg_wal/\(next)"
            #expect(try Files.size(path) == WALSegment.defaultSize)
            #expect(!Files.exists("\(server.dataDirectory)/pg_wal/xlogtemp.pgmahout"))
            made.append(inode(path))
            // Once they are there nothing is made again.
            try directory.keepSpareSegments(on: TimelineID(1), after: position)
            #expect(inode(path) == made.last)
        }
        try primary.query("SELECT pg_switch_wal()")
        try primary.query("INSERT INTO t VALUES (2)")
        let reached = try primary.report().flushed
        #expect(WALSegment(timeline: TimelineID(1), containing: reached) == next)
        try await eventually("it has it") { try standby.report().flushed >= reached }
        for (server, inode) in zip([primary, standby], made) {
            #expect(self.inode("\(server.dataDirectory)/pg_wal/\(next)") == inode)
        }
        #expect(try await primary.stop() == .exited(0))
        let configuration = standby.configuration.local()
        try Promotion.request(on: configuration, awaiting: .none, deadline: BootClock.now() + .seconds(20))
        try await eventually("it is out of recovery") { try !standby.report().inRecovery }
        #expect(try standby.value("SELECT count(*) FROM t") == "2")
        try await primary.start(.primary)
        #expect(try primary.value("SELECT count(*) FROM t") == "2")
    }
}
