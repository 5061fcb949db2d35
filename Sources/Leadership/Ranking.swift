import ClusterModel

/// Rule 3: who may take over, and who of them is the best.
extension Decider {
    /// The best member other than this one that could take over now; nil when there is none.
    func bestCandidate() -> MemberName? {
        guard let record else { return nil }
        return record.members.keys
            .filter { $0 != me.name && isCandidate($0) }
            .max { left, right in isBehind(left, right) }
    }

    func isCandidate(_ name: MemberName) -> Bool { ineligibility(of: name) == nil }

    /// Why a member cannot take over from this one; nil when it can.
    func ineligibility(of name: MemberName) -> String? {
        guard record?.members[name] != nil else { return "it is not a member of the cluster" }
        guard let report = freshReport(of: name) else { return "it has not reported lately" }
        let status = report.status
        guard status.candidate else { return status.problem ?? status.readyReason }
        guard let flushed = status.flushed, status.timeline != nil else { return "its WAL position is not known" }
        guard status.timeline == (running?.timeline ?? data?.timeline) else { return "it is on another timeline" }
        // From a server that hangs or is gone nobody can stream.
        let serves = running.map { now.since($0.provedAt) <= settings.unresponsiveBudget } ?? false
        guard status.streaming || !serves else { return "it does not stream" }
        let head = running?.flushed ?? record?.flushed ?? .zero
        let lag = head.bytes(since: flushed)
        guard lag <= settings.maximumLag else { return "it is \(lag) bytes behind, more than maximumLag" }
        return nil
    }

    func freshReport(of name: MemberName) -> PeerReport? {
        guard let report = observation.peers[name], now.since(report.receivedAt) <= settings.reportLifetime else {
            return nil
        }
        return report
    }

    private func isBehind(_ left: MemberName, _ right: MemberName) -> Bool {
        let leftAt = observation.peers[left]?.status.flushed ?? .zero
        let rightAt = observation.peers[right]?.status.flushed ?? .zero
        return leftAt == rightAt ? left > right : leftAt < rightAt
    }

    /// Who has more WAL is judged by what the others say now that nobody leads, not by what they said before.
    /// True while answers are awaited; the member that led last is most likely dead and is not waited for.
    mutating func awaitsVotes(_ record: ClusterRecord) -> Bool {
        guard let since = memory.freeSince, now < since + settings.electionPatience else { return false }
        let silent = record.members.keys.filter { name in
            name != me.name && name != record.primary
                && observation.peers[name].map { $0.receivedAt < since } ?? true
        }
        guard !silent.isEmpty else { return false }
        ask(silent, pause: .milliseconds(50))
        return true
    }

    /// A reachable member that would be a better choice than this one; nil when there is none.
    ///
    /// Members that do not report are not waited for: one of them is usually the dead primary.
    func betterThanMe(_ record: ClusterRecord, _ mine: LSN) -> MemberName? {
        record.members.keys.sorted().first { name in
            guard name != me.name, let status = freshReport(of: name)?.status, status.candidate,
                status.timeline == record.timeline, let flushed = status.flushed
            else { return false }
            return flushed > mine || (flushed == mine && name < me.name)
        }
    }
}
