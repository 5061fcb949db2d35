import ClusterModel

/// Who is better (3): timeline, WAL, priority, zone of the last primary, name.
struct Standing {
    var timeline: TimelineID
    var flushed: LSN
    var priority: Int
    var isInLastZone: Bool
    var name: MemberName

    func ranksAbove(_ other: Standing) -> Bool {
        if timeline != other.timeline { return timeline > other.timeline }
        if flushed != other.flushed { return flushed > other.flushed }
        if priority != other.priority { return priority > other.priority }
        if isInLastZone != other.isInLastZone { return isInLastZone }
        return name < other.name
    }
}

extension Decider {
    func standing(_ name: MemberName, timeline: TimelineID, flushed: LSN, _ record: ClusterRecord) -> Standing {
        let traits = record.members[name]?.traits ?? MemberTraits()
        let zone = record.primary.flatMap { record.members[$0]?.traits.zone }
        return Standing(
            timeline: timeline, flushed: flushed, priority: traits.failoverPriority,
            isInLastZone: zone != nil && traits.zone == zone, name: name)
    }

    /// Whether a member may take over without being named by a person; in lossless modes only one of the recorded set.
    func mayStand(_ name: MemberName, _ record: ClusterRecord) -> Bool {
        guard let member = record.members[name], member.traits.mayStand, !record.intent.fenced.contains(name) else {
            return false
        }
        // Of a cluster that is only being made nobody was counted yet.
        guard holds(.electorateOnly, record.electorate.contains(name) || record.electorate.isEmpty) else {
            return false
        }
        guard let state = record.synchronous, state.mode.isLossless, record.primary != name,
            !record.electorate.isEmpty
        else { return true }
        return holds(.synchronousOnly, state.members.contains(name))
    }

    // MARK: For the holder

    /// The best member other than this one that could take over now; nil when there is none.
    func bestCandidate() -> MemberName? {
        guard let record = ledRecord else { return nil }
        var best: Standing?
        for name in record.members.keys where name != me.name && mayStand(name, record) && isCandidate(name) {
            guard let status = observation.peers[name]?.status else { continue }
            let next = standing(
                name, timeline: status.timeline ?? TimelineID(0), flushed: status.flushed ?? .zero, record)
            if best.map({ next.ranksAbove($0) }) ?? true { best = next }
        }
        return best?.name
    }

    /// The best candidate, if it can win without being confirmed: in lossless modes enough have to be there to vote.
    func bestSuccessor() -> MemberName? {
        guard let best = bestCandidate(), let state = ledRecord?.synchronous, state.mode.isLossless else {
            return bestCandidate()
        }
        let voters = state.members.count { freshReport(of: $0)?.status.candidate ?? false }
        return voters >= state.votes ? best : nil
    }

    func isCandidate(_ name: MemberName) -> Bool { ineligibility(of: name) == nil }

    /// Why a member cannot take over from this one; nil when it can. A person may name one that does not stand by itself.
    func ineligibility(of name: MemberName) -> String? {
        guard let record = ledRecord, record.members[name] != nil else { return "it is not a member of the cluster" }
        guard !record.intent.fenced.contains(name) else { return "it is fenced" }
        guard let report = freshReport(of: name) else { return "it has not reported lately" }
        let status = report.status
        guard status.candidate else { return status.problem ?? status.readyReason }
        guard !status.diskFull else { return "its disk is full" }
        guard let flushed = status.flushed, status.timeline != nil else { return "its WAL position is not known" }
        guard status.timeline == (running?.timeline ?? data?.timeline) else { return "it is on another timeline" }
        // From a server that hangs or is gone nobody can stream.
        let serves = running.map { now.since($0.provedAt) <= settings.unresponsiveBudget } ?? false
        guard status.streaming || !serves else { return "it does not stream" }
        let head = running?.flushed ?? record.flushed ?? .zero
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
}
