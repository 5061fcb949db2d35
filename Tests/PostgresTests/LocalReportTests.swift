import ClusterModel
import Testing

@testable import Postgres

@Suite("Report of a server")
struct LocalReportTests {
    @Test("of a standby takes the further of received and replayed, on the receiver's timeline")
    func standby() throws {
        let rows: [[String?]] = [
            ["sender", "pg-3", "streaming", "0/50", "0/40", "0/30", "quorum", nil, nil],
            ["server", "true", nil, "0/200", "0/300", "-1", "160002", "1 2", "true"],
            ["receiver", "streaming", "10.0.0.1", "5432", "pgmahout_a", "3", "0/400", nil, nil],
            ["slot", "pgmahout_b", "physical", "false", nil, "lost", nil, nil, nil],
        ]
        let report = try #require(LocalReport(rows: rows))
        #expect(report.inRecovery)
        #expect(report.flushed == LSN(rawValue: 0x300))
        #expect(report.replayed == LSN(rawValue: 0x300))
        #expect(report.timeline == TimelineID(3))
        #expect(report.systemIdentifier.rawValue == .max)
        #expect(report.serverVersion == 160002)
        #expect(report.pendingRestart)
        #expect(report.isStreaming)
        #expect(report.receiver?.upstreamPosition == LSN(rawValue: 0x400))
        #expect(
            report.slots == [
                LocalReport.Slot(name: "pgmahout_b", isPhysical: true, isActive: false, restart: nil, isLost: true)
            ])
        #expect(report.senders.first?.synchronous == true)
    }

    @Test("of a standby without a receiver falls back on the newest timeline in pg_control")
    func notStreaming() throws {
        let rows: [[String?]] = [["server", "true", nil, nil, nil, "7", "150018", "2 4", "false"]]
        let report = try #require(LocalReport(rows: rows))
        #expect(report.timeline == TimelineID(4))
        #expect(report.flushed == .zero)
        #expect(!report.isStreaming)
    }

    @Test("of a primary has the timeline of the WAL it writes")
    func primary() throws {
        let rows: [[String?]] = [["server", "false", "0000000A", "1/0", "1/0", "7", "150018", "9 0", "false"]]
        let report = try #require(LocalReport(rows: rows))
        #expect(!report.inRecovery)
        #expect(report.timeline == TimelineID(10))
        #expect(report.flushed == LSN(rawValue: 1 << 32))
    }

    @Test("is none without the row of the server")
    func incomplete() {
        #expect(LocalReport(rows: []) == nil)
        #expect(LocalReport(rows: [["server", "true"]]) == nil)
    }
}
