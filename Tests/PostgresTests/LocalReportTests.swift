import ClusterModel
import Testing

@testable import Postgres

@Suite("Report of a server")
struct LocalReportTests {
    private func process(
        receiver: Bool = false, checkpointer: String? = "CheckpointerMain", names: String = "", admits: String? = nil,
        pause: String? = nil
    ) -> [String?] {
        ["process", "\(receiver)", checkpointer, names, admits, pause, nil, nil, nil]
    }

    @Test("of a standby takes the further of received and replayed, on the receiver's timeline")
    func standby() throws {
        let rows: [[String?]] = [
            ["sender", "pg-3", "streaming", "0/50", "0/40", "0/30", "quorum", "1", nil],
            process(receiver: true, pause: "paused"),
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
        #expect(report.hasReceiverProcess)
        #expect(report.isReplayPaused)
    }

    @Test("of a standby without a receiver falls back on the newest timeline in pg_control")
    func notStreaming() throws {
        let rows: [[String?]] = [["server", "true", nil, nil, nil, "7", "150018", "2 4", "false"], process()]
        let report = try #require(LocalReport(rows: rows))
        #expect(report.timeline == TimelineID(4))
        #expect(report.flushed == .zero)
        #expect(!report.isStreaming)
    }

    @Test("of a primary has the timeline of the WAL it writes")
    func primary() throws {
        let rows = [primaryRow, process()]
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

    private let primaryRow: [String?] = ["server", "false", "0000000A", "1/0", "1/0", "7", "150018", "9 0", "false"]

    private func sender(_ name: String, _ state: String, flushed: String? = "0/40", priority: Int = 0) -> [String?] {
        ["sender", name, state, "0/50", flushed, "0/30", "async", "\(priority)", nil]
    }

    @Test("of a standby whose receiver only starts says that there is one")
    func startingReceiver() throws {
        let rows: [[String?]] = [
            ["server", "true", nil, nil, nil, "7", "150018", "2 4", "false"], process(receiver: true),
        ]
        let report = try #require(LocalReport(rows: rows))
        #expect(report.receiver == nil && report.hasReceiverProcess && !report.isStreaming)
    }

    @Test("of a primary names the standbys, the streaming one of two, and no base backup")
    func replicas() throws {
        let rows = [
            primaryRow, process(), sender("pg-2", "streaming"), sender("pg-2", "catchup", flushed: "0/10"),
            sender("pg-3", "catchup", flushed: nil), sender("pg-4", "backup"), sender("pg-5", "startup"),
        ]
        let replicas = try #require(LocalReport(rows: rows)).replicas
        #expect(
            replicas == [
                "pg-2": LocalReport.Replica(streaming: true, flushed: LSN(rawValue: 0x40)),
                "pg-3": LocalReport.Replica(streaming: false, flushed: .zero),
            ])
    }

    @Test("has whom commits wait for, and the text when it is none of ours")
    func synchronous() throws {
        let ours = try #require(LocalReport(rows: [primaryRow, process(names: "ANY 1 (\"pg-3\", \"pg-2\")")]))
        #expect(ours.synchronous == SynchronousSetting(members: ["pg-2", "pg-3"], required: 1))
        #expect(ours.foreignSynchronous == nil)
        let foreign = try #require(LocalReport(rows: [primaryRow, process(names: "FIRST 1 (a)")]))
        #expect(foreign.synchronous == .none && foreign.foreignSynchronous == "FIRST 1 (a)")
    }

    @Test("says that settings are loaded only once the checkpointer and the senders have them")
    func loaded() throws {
        func loaded(_ checkpointer: String?, _ senders: [[String?]]) throws -> Bool {
            let rows = [primaryRow, process(checkpointer: checkpointer, names: "ANY 1 (\"pg-2\")")] + senders
            return try #require(LocalReport(rows: rows)).areSettingsLoaded
        }
        #expect(try loaded("CheckpointerMain", [sender("pg-2", "streaming", priority: 1)]))
        #expect(try loaded("CheckpointWriteDelay", [sender("pg-4", "backup")]))
        #expect(try !loaded(nil, []))
        #expect(try !loaded("DataFileSync", []))
        #expect(try !loaded("CheckpointerMain", [sender("pg-2", "streaming", priority: 0)]))
        #expect(try !loaded("CheckpointerMain", [sender("pg-3", "catchup", priority: 1)]))
    }

    @Test("lets clients in unless the server was told not to", arguments: [("on", true), ("off", false), (nil, true)])
    func admission(setting: String?, admits: Bool) throws {
        #expect(try #require(LocalReport(rows: [primaryRow, process(admits: setting)])).admitsClients == admits)
    }

    @Test("the timeline of what was received is that of the segment where it ends, not of one kept for later")
    func receivedTimeline() {
        let names = [
            "000000010000000000000003", "000000020000000000000003", "000000010000000000000004",
            "000000030000000000000005", "00000002.history", "archive_status",
        ]
        func timeline(_ received: UInt64) -> TimelineID? {
            LocalReport.timeline(
                ofReceived: LSN(rawValue: received), among: names, segmentSize: WALSegment.defaultSize)
        }
        #expect(timeline(0x3_000_100) == TimelineID(2))
        // The first byte of a segment has not been received when the position is there.
        #expect(timeline(0x4_000_000) == TimelineID(2))
        #expect(timeline(0x4_000_001) == TimelineID(1))
        #expect(timeline(0x9_000_000) == nil)
    }
}
