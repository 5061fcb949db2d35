import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("The last record of a primary that stopped", .ownThread)
struct LastRecordTests {
    @Test("its end is where a standby that has replayed everything stands")
    func end() async throws {
        let primary = try await PostgresServer.primary(member: "pg-1")
        let standby = try await primary.standby(member: "pg-2")
        try primary.query("CREATE TABLE t AS SELECT generate_series(1, 100) AS i")
        let directory = DataDirectory(path: primary.dataDirectory, cluster: "demo", major: 15)
        #expect(directory.endOfShutdown(try ControlData.read(dataDirectory: primary.dataDirectory)) == nil)
        try await primary.stop()
        let control = try ControlData.read(dataDirectory: primary.dataDirectory)
        let end = try #require(directory.endOfShutdown(control))
        #expect(end > control.checkpoint)
        try await eventually("all of it is replayed") { try standby.report().replayed == end }
    }

    @Test("pages and segments begin with headers")
    func headers() {
        func end(_ start: UInt64, _ length: UInt64) -> UInt64? {
            DataDirectory.end(ofRecordAt: LSN(rawValue: start), length: length, segmentSize: 1 << 20)?.rawValue
        }
        #expect(end(0x200028, 114) == 0x200028 + 120)
        // 64 bytes on this page, 56 behind the short header of the next; at a segment's begin the header is longer.
        #expect(end(0x203FC0, 114) == 0x204000 + 24 + 56)
        #expect(end(0x2FFFC0, 114) == 0x300000 + 40 + 56)
        #expect(end(0x203F88, 114) == 0x204000)
        #expect(end(0x200028, 0) == nil && end(0x200028, 1 << 20) == nil)
    }
}
