import Archive
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
            synchronous.map { "synchronous \($0.mode.rawValue)" },
            cluster.remote != nil ? "FOLLOWS ANOTHER CLUSTER" : nil,
            cluster.intent.paused ? "PAUSED" : nil,
        ]
        return parts.compactMap { $0 }.joined(separator: "   ")
    }

    private var synchronous: SynchronousState? { cluster.synchronous.flatMap { $0.mode == .off ? nil : $0 } }

    private var table: String {
        var columns: [TextTable.Column] = [
            .init("MEMBER"), .init("ROLE"), .init("STATE"), .init("TL", .right), .init("LSN", .right),
            .init("LAG", .right), .init("LEASE LEFT", .right), .init("READY"),
        ]
        // Columns that say nothing about anybody are left out.
        if synchronous != nil { columns.append(.init("SYNC")) }
        let notes = cluster.members.map { MemberNotes($0, cluster.intent).text }
        let hasNotes = notes.contains { !$0.isEmpty }
        if hasNotes { columns.append(.init("NOTES")) }
        var table = TextTable(columns)
        for (entry, note) in zip(cluster.members, notes) {
            table.add(
                row(entry) + (synchronous.map { [part(of: entry, in: $0)] } ?? []) + (hasNotes ? [note] : []))
        }
        return table.text
    }

    /// Whether commits wait for the member: for it, or for some of several.
    private func part(of entry: ClusterStatus.Entry, in state: SynchronousState) -> String {
        let name = entry.member.name
        if name == cluster.leader { return "" }
        guard state.members.contains(name) else { return "async" }
        return state.votes == 1 ? "sync" : "quorum"
    }

    private func row(_ entry: ClusterStatus.Entry) -> [String] {
        let name = entry.member.name.description
        guard let status = entry.status else { return [name, "", "no answer", "", "", "", "", "no"] }
        // What a member said of its lease has gone on since then.
        let lease = status.leaseRemainingMilliseconds.map { $0 - (entry.reportedMillisecondsAgo ?? 0) }
        let lag = status.role == .replica ? status.lagBytes.map(Amounts.bytes) ?? "unknown" : ""
        return [
            name, status.role.rawValue, status.isFenced ? "fenced" : status.state.rawValue,
            status.timeline?.description ?? "", status.flushed?.description ?? "", lag,
            lease.map { Amounts.seconds(milliseconds: $0) } ?? "", status.ready ? "yes" : "no",
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
        remarks += switching
        if let state = synchronous { remarks.append(Self.promise(of: state, leader: cluster.leader)) }
        if let request = cluster.pendingSwitchover ?? cluster.intent.switchover {
            let members = "\(request.from) -> \(request.to?.description ?? "best candidate")"
            remarks.append("switchover \(Self.when(request.notBefore)): \(members)\(request.force ? ", by force" : "")")
        }
        if let request = cluster.intent.restart {
            let names = request.remaining.map(\.rawValue).joined(separator: ", ")
            let which = request.onlyIfPending ? " that wait for one" : ""
            remarks.append("restart \(Self.when(request.notBefore)), still to go\(which): \(names)")
        }
        if cluster.intent.paused { remarks.append("paused: nothing is promoted, restarted or made anew by itself") }
        if let last = cluster.lastTransition {
            let members = "\(last.from?.description ?? "nobody") -> \(last.to?.description ?? "nobody")"
            let outcome = last.succeeded ? "" : ", failed"
            remarks.append("last transition: \(last.kind.rawValue) \(members)\(outcome): \(last.reason)")
        }
        return remarks.isEmpty ? [] : [""] + remarks
    }

    /// How a cluster follows another one, and what is asked for to change that.
    private var switching: [String] {
        var remarks: [String] = []
        if cluster.remote != nil, let leader = cluster.members.first(where: { $0.status?.leadsStandby == true }),
            let standby = leader.status?.standbyCluster
        {
            let from = standby.host.map { " from \($0)" } ?? ""
            let how = standby.streaming ? "streams\(from)" : standby.problem ?? "replays its archive"
            let lag = standby.lagBytes.map { "\(Amounts.bytes($0)) behind" } ?? "how far behind is not known"
            remarks.append("follows another cluster: \(leader.member.name) \(how), \(lag)")
        }
        if let token = cluster.demotion { remarks.append("demoted; promote the other cluster with --token \(token)") }
        if cluster.intent.demotion != nil { remarks.append("demotion under way: the primary is to stop for good") }
        if let request = cluster.intent.promotion {
            remarks.append("promotion under way\(request.token.map { ": waits for \($0)" } ?? ", by force")")
        }
        return remarks
    }

    /// What a commit waits for, and who may take over.
    static func promise(of state: SynchronousState, leader: MemberName?) -> String {
        let names = state.members.map(\.rawValue).joined(separator: ", ")
        if state.votes > state.members.count {
            return
                "synchronous: nobody but \(leader?.description ?? "the last primary") may lead until a standby is back"
        }
        guard state.votes > 0 else { return "synchronous: no standby is there, so commits wait for nobody" }
        let required = state.members.count - state.votes + 1
        return "synchronous: commits wait for \(required) of \(names); a take-over needs \(state.votes) of their votes"
    }

    private static func when(_ notBefore: Int64?) -> String {
        notBefore.map { "scheduled for \(Timestamp(microseconds: $0 / 1000 * 1_000_000).iso8601)" } ?? "under way"
    }
}

/// What is particular about a member, in a few words.
struct MemberNotes {
    let text: String

    init(_ entry: ClusterStatus.Entry, _ intent: Intent) {
        let name = entry.member.name
        let traits = entry.status?.traits ?? entry.member.traits
        let notes: [String?] = [
            // The state says it once the member has followed.
            intent.fenced.contains(name) && entry.status?.isFenced != true ? "to be fenced" : nil,
            intent.reclone[name] != nil ? "being made anew" : nil,
            entry.status?.diskFull == true ? "disk full" : nil,
            entry.status?.pendingRestart == true ? "restart pending" : nil,
            traits.zone.map { "zone \($0)" },
            traits.failoverPriority == MemberTraits().failoverPriority ? nil : "priority \(traits.failoverPriority)",
            traits.noFailover ? "noFailover" : nil, traits.noLoadBalance ? "noLoadBalance" : nil,
            traits.noSync ? "noSync" : nil,
            traits.applyDelayMilliseconds.map { "delayed \(Amounts.seconds(milliseconds: $0))" },
            traits.replicateFrom.map { "from \($0)" },
        ]
        text = notes.compactMap { $0 }.joined(separator: ", ")
    }
}
