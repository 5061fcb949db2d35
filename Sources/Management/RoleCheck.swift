import ClusterModel

/// What load balancers that were made for Patroni ask: 200 for a member that they may send clients to.
enum RoleCheck: String, CaseIterable {
    case primary, standbyLeader, replica, readOnly, synchronous, quorum, asynchronous, readOnlySynchronous,
        readOnlyQuorum, health,
        liveness, readiness

    private static let names: [(path: String, check: RoleCheck)] = [
        ("/primary", .primary), ("/read-write", .primary), ("/leader", .primary), ("/master", .primary),
        ("/standby-leader", .standbyLeader), ("/standby_leader", .standbyLeader),
        ("/replica", .replica), ("/read-only", .readOnly), ("/synchronous", .synchronous), ("/sync", .synchronous),
        ("/quorum", .quorum), ("/asynchronous", .asynchronous), ("/async", .asynchronous),
        ("/read-only-sync", .readOnlySynchronous), ("/read-only-quorum", .readOnlyQuorum), ("/health", .health),
        ("/liveness", .liveness), ("/readiness", .readiness),
    ]

    static var paths: [String] { names.map(\.path) }

    init?(path: String) {
        guard let found = Self.names.first(where: { $0.path == path }) else { return nil }
        self = found.check
    }

    /// What the query narrows it down to.
    struct Condition: Hashable {
        /// Bytes.
        var lag: UInt64?
        var mustStream = false

        /// nil when a parameter is not understood: then nobody should be sent here by mistake.
        init?(_ query: [(name: String, value: String)]) {
            for (name, value) in query {
                switch name {
                case "lag":
                    guard let bytes = RoleCheck.bytes(value) else { return nil }
                    lag = bytes
                case "replication_state":
                    guard value == "streaming" else { return nil }
                    mustStream = true
                default: continue
                }
            }
        }
    }

    /// Why not; nil when the member is what was asked for. `snapshot` must already be brought to now.
    func refusal(_ snapshot: ManagementSnapshot, _ condition: Condition) -> String? {
        let status = snapshot.status
        let isPrimary = status.role == .primary
        switch self {
        case .primary: return isPrimary ? nil : "is not the primary"
        case .standbyLeader: return status.leadsStandby ? nil : "does not lead a cluster that follows another one"
        case .replica: return Self.replica(status, condition)
        case .readOnly: return isPrimary ? nil : Self.replica(status, condition)
        case .synchronous: return Self.replica(status, condition) ?? Self.part(snapshot, .all)
        case .quorum: return Self.replica(status, condition) ?? Self.part(snapshot, .some)
        case .asynchronous: return Self.replica(status, condition) ?? Self.part(snapshot, .none)
        case .readOnlySynchronous: return isPrimary ? nil : Self.synchronous.refusal(snapshot, condition)
        case .readOnlyQuorum: return isPrimary ? nil : Self.quorum.refusal(snapshot, condition)
        case .health: return Self.running(status)
        case .liveness: return nil
        case .readiness:
            guard status.ready else { return status.readyReason }
            return isPrimary ? nil : Self.lag(status, condition)
        }
    }

    private static func running(_ status: MemberStatus) -> String? {
        guard [.running, .streaming].contains(status.state) else { return "postgres is \(status.state.rawValue)" }
        guard let age = status.observedMillisecondsAgo, age < 5000 else { return "postgres does not answer" }
        return nil
    }

    private static func replica(_ status: MemberStatus, _ condition: Condition) -> String? {
        guard status.role == .replica else { return "is not a replica" }
        if status.traits.noLoadBalance { return "is marked noLoadBalance" }
        return running(status) ?? lag(status, condition)
    }

    private static func lag(_ status: MemberStatus, _ condition: Condition) -> String? {
        if condition.mustStream, !status.streaming { return "does not stream" }
        guard let limit = condition.lag else { return nil }
        guard let lag = status.lagBytes else { return "its lag is not known" }
        return lag <= limit ? nil : "is \(lag) bytes behind"
    }

    private enum Part {
        /// Every acknowledged commit has been flushed by every standby of the set.
        case all
        /// Every acknowledged commit has been flushed by enough of them.
        case some
        case none
    }

    /// Whether the member counts among those that acknowledge commits, as the record has it.
    private static func part(_ snapshot: ManagementSnapshot, _ part: Part) -> String? {
        let state = snapshot.cluster.synchronous
        let counts = state?.members.contains(snapshot.status.name) ?? false
        switch part {
        case .none: return counts ? "is a synchronous standby" : nil
        case .some: return counts ? nil : "is not a synchronous standby"
        case .all:
            guard let state, counts else { return "is not a synchronous standby" }
            // As many as there are minus the votes, and one: all of them when one vote is enough to take over.
            return state.votes == 1 ? nil : "commits do not wait for this standby but for some of several"
        }
    }

    /// Bytes with or without a unit, as Patroni reads them: `1048576`, `100kB`, `10MB`.
    static func bytes(_ text: String) -> UInt64? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard let number = UInt64(digits) else { return nil }
        let shifts: [String: UInt64] = ["": 0, "B": 0, "kB": 10, "KB": 10, "MB": 20, "GB": 30, "TB": 40]
        guard let shift = shifts[String(text.dropFirst(digits.count))] else { return nil }
        let (product, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        return overflow ? nil : product
    }
}
