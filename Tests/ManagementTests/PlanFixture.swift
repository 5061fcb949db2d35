import ClusterModel
import Testing

@testable import Management

/// Three members, of which pg-1 leads and the others stream.
struct PlanFixture {
    static let wallClock: Int64 = 1_767_323_045_000

    var record: ClusterRecord
    var statuses: [MemberName: MemberStatus] = [:]

    init() {
        record = ClusterRecord(cluster: "demo", durationMilliseconds: 6000)
        record.term = 5
        record.primary = "pg-1"
        record.flushed = LSN(rawValue: 0x300_0000)
        for name: MemberName in ["pg-1", "pg-2", "pg-3"] {
            let incarnation = Incarnation(name: name, podUID: "uid", bootID: "boot")
            record.members[name] = Member(
                name: name, incarnation: incarnation, api: "http://127.0.0.1:8008", postgresHost: "127.0.0.1",
                postgresPort: 5432)
            var status = MemberStatus(cluster: "demo", name: name, incarnation: incarnation, version: "1")
            status.role = name == "pg-1" ? .primary : .replica
            status.state = name == "pg-1" ? .running : .streaming
            status.streaming = name != "pg-1"
            status.flushed = LSN(rawValue: 0x300_1000)
            status.lagBytes = name == "pg-1" ? nil : 0
            statuses[name] = status
        }
        record.holder = record.members["pg-1"]?.incarnation
        record.electorate = ["pg-1", "pg-2", "pg-3"]
    }

    func plan(_ request: ControlRequest) -> ControlPlan {
        ControlPlan.make(
            request, id: "id",
            view: ControlView(record: record, members: statuses, maximumLag: 16 << 20, wallClock: Self.wallClock))
    }

    /// The record that a request leads to.
    func write(_ request: ControlRequest, answer: ControlAnswer = .accepted(id: "id")) throws -> ClusterRecord {
        guard case .write(let record, let then) = plan(request) else {
            throw Unexpected(plan: plan(request))
        }
        #expect(then == answer)
        return record
    }

    struct Unexpected: Error {
        let plan: ControlPlan
    }

    /// Why a request is refused; nil when it is not.
    func refusal(_ request: ControlRequest) -> String? {
        guard case .answer(.refused(let reason, _, _)) = plan(request) else { return nil }
        return reason
    }

    func hint(_ request: ControlRequest) -> String? {
        guard case .answer(.refused(_, let hint, _)) = plan(request) else { return nil }
        return hint
    }

    func wouldLose(_ request: ControlRequest) -> UInt64? {
        guard case .answer(.refused(_, _, let bytes)) = plan(request) else { return nil }
        return bytes
    }
}
