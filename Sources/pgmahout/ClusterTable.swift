import ClusterModel

/// A cluster as a table for people, and in sentences what a table cannot say.
struct ClusterTable {
    let cluster: ClusterStatus

    init(_ cluster: ClusterStatus) { self.cluster = cluster }

    var text: String { ([heading, table] + remarks).joined(separator: "\n") }

    private var heading: String {
        let parts = [
            "cluster \(cluster.cluster)",
            cluster.systemIdentifier.map { "system \($0)" },
            "term \(cluster.term)",
            cluster.leader.map { "leader \($0)" } ?? "no leader",
        ]
        return parts.compactMap { $0 }.joined(separator: "   ")
    }

    private var table: String {
        var table = TextTable([
            .init("MEMBER"), .init("ROLE"), .init("STATE"), .init("TL", .right), .init("LSN", .right),
            .init("LAG", .right), .init("LEASE LEFT", .right), .init("READY"),
        ])
        for entry in cluster.members { table.add(row(entry)) }
        return table.text
    }

    private func row(_ entry: ClusterStatus.Entry) -> [String] {
        let name = entry.member.name.description
        guard let status = entry.status else { return [name, "", "no answer", "", "", "", "", "no"] }
        // What a member said of its lease has gone on since then.
        let lease = status.leaseRemainingMilliseconds.map { $0 - (entry.reportedMillisecondsAgo ?? 0) }
        let lag = status.role == .replica ? status.lagBytes.map(Amounts.bytes) ?? "unknown" : ""
        return [
            name, status.role.rawValue, status.state.rawValue, status.timeline?.description ?? "",
            status.flushed?.description ?? "", lag, lease.map { Amounts.seconds(milliseconds: $0) } ?? "",
            status.ready ? "yes" : "no",
        ]
    }

    private var remarks: [String] {
        var remarks: [String] = []
        for entry in cluster.members {
            guard let status = entry.status else { continue }
            if let problem = status.problem {
                remarks.append("\(entry.member.name): \(problem)")
            } else if !status.ready {
                remarks.append("\(entry.member.name): not ready: \(status.readyReason)")
            }
            if let error = status.archive?.lastError { remarks.append("\(entry.member.name): archive: \(error)") }
        }
        if let request = cluster.pendingSwitchover {
            remarks.append("switchover under way: \(request.from) -> \(request.to?.description ?? "best candidate")")
        }
        if let last = cluster.lastTransition {
            let members = "\(last.from?.description ?? "nobody") -> \(last.to?.description ?? "nobody")"
            let outcome = last.succeeded ? "" : ", failed"
            remarks.append("last transition: \(last.kind.rawValue) \(members)\(outcome): \(last.reason)")
        }
        return remarks.isEmpty ? [] : [""] + remarks
    }
}
