import ClusterModel

/// Votes: a member that casts one receives no more WAL from the holder until it sees another renewal (3, 7).
extension Decider {
    // MARK: Voter

    /// A peer wants to take over from the holder of the record that it sees.
    mutating func vote(for request: VoteRequest) -> PeerAnswer {
        func refuse(_ reason: String) -> PeerAnswer { PeerAnswer(granted: false, reason: reason) }
        guard let record else { return refuse("the record is not known here") }
        guard request.term == record.term, request.renewal == record.renewal else {
            return refuse("another renewal is known here")
        }
        if record.intent.paused { return refuse("the cluster is paused") }
        if lease != nil { return refuse("holds the lease") }
        guard let running, running.inRecovery else { return refuse("its postgres is no running standby") }
        if isPromised(record) { return refuse("promised \(record.holder?.name.rawValue ?? "the holder") to stand by") }
        if !isFree, let reason = vetoAgainstVotes(record) { return refuse(reason) }
        if isFree, let leading = whoLeads(record) { return refuse("\(leading) says that it leads") }
        memory.ballot = Vote(term: record.term, renewal: record.renewal)
        return PeerAnswer(granted: true, reason: "")
    }

    /// Why the holder of an unexpired lease must not be voted against; nil when it may. One member with a bad network
    /// does not depose a healthy primary: the holder has to be silent towards the voter as well.
    private mutating func vetoAgainstVotes(_ record: ClusterRecord) -> String? {
        guard let state = record.synchronous, state.mode.isLossless, let patience = settings.quorumTakeOverAfter else {
            return "the lease of \(record.holder?.name.rawValue ?? "the holder") has not run out"
        }
        guard holds(.bootedVoterWaits, now >= observation.promisesKnownSince + record.duration) else {
            return "booted lately: what it promised before is forgotten"
        }
        guard let since = memory.renewalUnchangedSince, now >= since + patience / 2 else {
            return "the holder has renewed its lease lately"
        }
        return isHolderSilent(record) ? nil : "the holder answers"
    }

    /// The holder was asked and has not answered for a while.
    func isHolderSilent(_ record: ClusterRecord) -> Bool {
        guard let holder = record.holder?.name, let asked = memory.suspectedSince, now >= asked + .milliseconds(400)
        else { return false }
        guard let report = observation.peers[holder] else { return true }
        // It may have answered once and died then.
        return report.receivedAt < max(asked, now - .milliseconds(600))
    }

    /// In a lossless cluster a renewal that is late makes everybody ask the holder, so that it is known in time whether it
    /// is silent.
    mutating func suspect(_ record: ClusterRecord) {
        guard let state = record.synchronous, state.mode.isLossless, let patience = settings.quorumTakeOverAfter,
            let since = memory.renewalUnchangedSince, let holder = record.holder, holder.name != me.name
        else { return }
        let late = since + min(settings.renewEvery * 1.2, patience / 2)
        guard now >= late else { return wake(at: late) }
        if memory.suspectedSince == nil { memory.suspectedSince = now }
        ask([holder.name], pause: .milliseconds(200))
        wake(at: since + patience)
    }

    /// A vote shows only once nothing can be received any more.
    mutating func showVote() {
        guard let ballot = memory.ballot, let running, running.inRecovery else { return }
        guard holds(.voteAfterDetach, isDetached(running)) else { return }
        decision.vote = ballot
    }

    /// Nothing is received any more, and what is there has been read to its end: the position is final.
    func isDetached(_ running: LocalState.Running) -> Bool {
        !running.receiving && running.upstream == nil && local.upstream == nil && operation == nil
            && running.knowsItsEnd
    }

    /// While a vote binds there is no WAL receiver.
    mutating func detachForVote() {
        guard let running, running.inRecovery else {
            // After a crash it comes back without an upstream: the vote outlives its postgres.
            if case .stopped = local.process, let data, !data.wasPrimary, !data.rewindPending {
                operate(.start(.standby(upstream: nil)))
            }
            return
        }
        if running.receiving || running.upstream != nil || local.upstream != nil { operate(.detach) }
    }

    // MARK: Candidate

    /// Whose votes are asked for, and who may stand. A record that was made anew from nothing knows no electorate.
    func electors(_ record: ClusterRecord) -> [MemberName] {
        record.electorate.isEmpty ? record.members.keys.sorted() : record.electorate
    }

    /// Votes of others against the present renewal, with what they have.
    func votes(_ record: ClusterRecord) -> [(name: MemberName, status: MemberStatus)] {
        var found: [(name: MemberName, status: MemberStatus)] = []
        for name in electors(record) where name != me.name {
            guard let report = observation.peers[name], report.status.vote != nil else { continue }
            if holds(.voteForThisRenewal, hasVoted(report, record)) {
                found.append((name, report.status))
            }
        }
        return found
    }

    /// Against the present renewal. Where the store went back within a term, a renewal comes up again: a vote that was seen
    /// before it did may be void since.
    private func hasVoted(_ report: PeerReport, _ record: ClusterRecord) -> Bool {
        guard let vote = report.status.vote, isBound(to: vote, record) else { return false }
        return report.receivedAt >= memory.renewalUnchangedSince ?? now
    }

    /// Asks those that have not voted yet, and looks at what they say.
    mutating func askForVotes(_ record: ClusterRecord) {
        let missing = electors(record).filter { name in
            guard name != me.name, name != record.holder?.name, record.members[name] != nil else { return false }
            return observation.peers[name].map { !hasVoted($0, record) } ?? true
        }
        guard !missing.isEmpty else { return }
        // Who has not answered in the first moments is likely to be away for longer.
        let asks = memory.candidateSince.map { now.since($0) } ?? .zero
        let pause: Duration = asks < .seconds(2) ? .milliseconds(50) : settings.renewEvery / 2
        if let last = memory.votesAskedAt, now < last + pause { return wake(at: last + pause) }
        memory.votesAskedAt = now
        wake(at: now + pause)
        give(
            .request(
                .vote(VoteRequest(candidate: me.name, term: record.term, renewal: record.renewal)), of: missing))
        ask(missing, pause: pause - .milliseconds(10))
    }

    /// Whether the old holder can get no commit acknowledged any more, and one of the voters has all that it ever got.
    func hasVotesEnough(_ record: ClusterRecord, _ votes: [(name: MemberName, status: MemberStatus)]) -> Bool {
        guard let state = record.synchronous, state.mode.isLossless else { return true }
        // It led last: whatever was acknowledged is in its own WAL.
        if record.primary == me.name { return true }
        if record.electorate.isEmpty {
            // Made anew from nothing: who had what is not known, so everybody that has come back is asked, after a time.
            let since = memory.renewalUnchangedSince ?? now
            return record.members.keys.allSatisfy { name in name == me.name || votes.contains { $0.name == name } }
                && now >= since + settings.duration
        }
        let members = state.members
        let count = votes.count { members.contains($0.name) } + (members.contains(me.name) ? 1 : 0)
        return holds(.votesEnough, count >= state.votes)
    }
}
