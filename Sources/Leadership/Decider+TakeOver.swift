import ClusterModel

/// Taking over a lease that is free, or whose holder can be replaced by votes (3, 5, 7).
extension Decider {
    /// An earlier run of this very pod holds it. We hold the lock of its data directory and its postgres is gone, so
    /// it is dead for certain, and only we know that. A name alone would not do: pods of one name follow each other.
    func isMyPast(_ record: ClusterRecord) -> Bool {
        guard let holder = record.holder else { return false }
        return holder.name == me.name && holder.podUID == me.incarnation.podUID && holder != me.incarnation
            && !mayBeWritable && !isRolledBack && opensLast(record)
    }

    /// Its data was last opened under that very lease. Otherwise others may have led since: a store that went back shows
    /// an old lease, and this run knows nothing of the time between.
    private func opensLast(_ record: ClusterRecord) -> Bool {
        // Nobody writes in a cluster that follows another one.
        guard let data, record.remote == nil else { return true }
        return data.wasPrimary && data.term == record.term
    }

    /// A member that says that it leads, while this one believes the lease to be free: then it is this member that cannot
    /// read the store, or a store that went back, and a healthy primary must not lose a standby by that. What a member
    /// says of its lease ends with the lease, so nobody is held up by one that hangs.
    func whoLeads(_ record: ClusterRecord) -> MemberName? {
        var leading: MemberName?
        for (name, report) in observation.peers where report.status.role == .primary || report.status.leadsStandby {
            let status = report.status
            guard now.since(report.receivedAt) <= settings.reportLifetime, status.leaseRemainingMilliseconds != 0,
                status.term > record.term || (status.term == record.term && record.holder?.name == name)
            else { continue }
            // The same one in every run: a dictionary has no order.
            leading = min(leading ?? name, name)
        }
        return leading
    }

    /// Votes may take the place of the lease's end: the renewal is late, and the holder does not answer.
    func mayReplaceByVotes(_ record: ClusterRecord) -> Bool {
        guard let state = record.synchronous, state.mode.isLossless, let patience = settings.quorumTakeOverAfter,
            record.holder != nil, record.holder?.name != me.name, !isRolledBack,
            let since = memory.renewalUnchangedSince, now >= since + patience,
            holds(.bootedVoterWaits, now >= observation.promisesKnownSince + record.duration)
        else { return false }
        return isHolderSilent(record)
    }

    /// When the store went back, what was known before counts, under the renewal that votes and claims have to name.
    private func judged(_ stored: ClusterRecord) -> ClusterRecord {
        guard isRolledBack, var known = memory.known, known.term > stored.term else { return stored }
        known.term = stored.term
        known.renewal = stored.renewal
        known.holder = stored.holder
        known.successor = nil
        known.successorIsConfirmed = false
        known.intent = stored.intent
        return known
    }

    mutating func considerTakingOver(_ stored: ClusterRecord) {
        let record = judged(stored)
        guard !record.intent.paused else {
            decision.problem = "nobody leads, and the cluster is paused"
            return
        }
        guard let data else {
            if local.data == .absent, record.systemIdentifier == nil, record.timeline == nil, operation == nil, isFree {
                acquire(record, promotes: false, kind: .bootstrap, reason: "nobody initialized the cluster")
            } else if record.remote != nil, local.data == .absent, operation == nil, isFree {
                // Whoever has data goes first; but the other cluster has them, too.
                let due = (memory.freeSince ?? now) + settings.duration
                guard now >= due else { return wake(at: due) }
                acquire(record, promotes: false, kind: .failover, reason: "no member with data leads")
            } else {
                decision.problem = "waits for a primary to clone from"
            }
            return
        }
        if let successor = record.successor, successor != me.name, record.holder == nil, !isExpired(record),
            !removed.contains(.successorOnly)
        {
            // Released to another member: only it may take over before D has passed.
            decision.problem = "the lead was handed to \(successor)"
            if !data.wasPrimary { prepare(data, record) }
            return
        }
        // By votes alone a holder is replaced that is silent: what it said before counts no longer.
        if isFree || isMyPast(record), let leading = whoLeads(record) {
            decision.problem = "\(leading) says that it leads"
            return ask([leading], pause: .milliseconds(500))
        }
        guard !isPromised(record) else {
            decision.problem = "promised \(record.holder?.name.rawValue ?? "the holder") to stand by"
            if let until = memory.promise?.until { wake(at: until) }
            return
        }
        if let yielded = memory.yieldedAt, now < yielded + settings.duration, record.successor != me.name {
            decision.problem = "gave the lead away because postgres could not be started in time"
            return wake(at: yielded + settings.duration)
        }
        switch local.process {
        case .stopped:
            guard operation == nil else { return }
            if canStartInPlace(record, data), isFree || isMyPast(record) {
                acquire(record, promotes: false, kind: .crashRestart, reason: "the last primary came back first")
            } else {
                prepare(data, record)
            }
        case .starting, .stopping: break
        case .running(let running) where running.inRecovery: stand(record, running)
        case .running: break
        }
    }

    /// A standby that is not running yet must run to know how much WAL it has.
    private mutating func prepare(_ data: DataState, _ record: ClusterRecord) {
        guard case .stopped = local.process else { return }
        if data.rewindPending {
            decision.problem = "a rewind was interrupted; waits for a primary to finish it"
        } else if data.wasPrimary, waitsForLaterPrimary(record) {
            decision.problem = "was primary before another member was; waits for a primary to rejoin"
        } else if record.remote != nil, data.wasPrimary, !data.cleanShutdown {
            decision.problem = "was primary before the cluster followed another one; waits for a leader to rejoin"
        } else {
            operate(.start(.standby(upstream: nil)))
        }
    }

    /// A member that led later most likely has more. A former primary stands nevertheless where it is one of those that
    /// have every commit, and elsewhere when nobody has taken the lead for a whole D.
    private mutating func waitsForLaterPrimary(_ record: ClusterRecord) -> Bool {
        guard let primary = record.primary, primary != me.name, record.members[primary] != nil else { return false }
        if let state = record.synchronous, state.mode.isLossless, !record.electorate.isEmpty {
            return !state.members.contains(me.name)
        }
        let due = (memory.freeSince ?? now) + settings.duration
        wake(at: due)
        return now < due
    }

    /// Rule 3, for a running standby while nobody leads, or nobody that can.
    private mutating func stand(_ record: ClusterRecord, _ running: LocalState.Running) {
        let chosen = record.successor == me.name && record.holder == nil && isFree && !isRolledBack
        if chosen, record.successorIsConfirmed || !(record.synchronous?.mode.isLossless ?? false) {
            let request = record.intent.switchover
            return acquire(
                record, promotes: record.remote == nil, kind: .switchover,
                reason: "\(record.primary?.rawValue ?? "the primary") handed over", id: request?.id)
        }
        guard mayStand(me.name, record) else {
            decision.problem = decision.problem ?? whyNotStanding(record)
            return
        }
        let continues = record.primary == me.name
        let lossless = record.synchronous?.mode.isLossless ?? false
        let lag = (record.flushed ?? .zero).bytes(since: running.flushed)
        guard lossless || continues || record.remote != nil || lag <= settings.maximumLag else {
            decision.problem = "is \(lag) bytes behind the last primary, more than maximumLag"
            return
        }
        // Its own vote first: what it has is final before anybody is compared with it.
        memory.ballot = Vote(term: record.term, renewal: record.renewal)
        let since = memory.candidateSince ?? now
        memory.candidateSince = since
        guard isDetached(running) else { return detachForVote() }
        askForVotes(record)
        let votes = votes(record)
        guard hasVotesEnough(record, votes) else {
            decision.problem =
                "has not enough votes of \(record.synchronous?.members.map(\.rawValue) ?? []) to take over"
            return
        }
        if awaitsVotes(record, votes.count, since) { return }
        let mine = standing(me.name, timeline: running.timeline, flushed: running.flushed, record)
        if let better = better(than: mine, votes, record) {
            let patience = max(since, memory.freeSince ?? since) + settings.duration
            // A better member that never moves (it may not reach the store) does not block the others for good.
            guard holds(.bestGoesFirst, now >= patience && mayOvertake(mine, votes, record)) else {
                decision.problem = "leaves the lead to \(better)"
                return wake(at: patience)
            }
        }
        acquire(
            record, promotes: record.remote == nil, kind: .failover,
            reason: record.holder == nil
                ? "the lease was given back"
                : isFree ? "the lease ran out" : "the holder is silent, and enough have voted",
            votes: votes)
    }

    private func whyNotStanding(_ record: ClusterRecord) -> String {
        guard let member = record.members[me.name] else { return "was removed from the cluster" }
        if record.intent.fenced.contains(me.name) { return "is fenced" }
        if !member.traits.mayStand { return "is not to become primary by itself (noFailover or a delayed replica)" }
        if !electors(record).contains(me.name) { return "no primary has counted it among the members yet" }
        return "is none of those that have every commit: \(record.synchronous?.members.map(\.rawValue) ?? [])"
    }

    /// For a moment, others that may be alive are waited for: one of them may have more.
    private mutating func awaitsVotes(_ record: ClusterRecord, _ count: Int, _ since: Instant) -> Bool {
        let until = since + settings.electionPatience
        guard now < until else { return false }
        let possible = electors(record).count { name in
            name != me.name && name != record.primary && name != record.holder?.name && record.members[name] != nil
        }
        guard count < possible else { return false }
        wake(at: until)
        return true
    }

    /// A voter that ranks higher and stands as well; nil when there is none. In lossless modes what a voter of the recorded
    /// set has counts also when it does not stand: it may be the only one that has it.
    private func better(
        than mine: Standing, _ votes: [(name: MemberName, status: MemberStatus)], _ record: ClusterRecord
    ) -> MemberName? {
        for (name, status) in votes {
            guard let timeline = status.timeline, let flushed = status.flushed else { continue }
            if let state = record.synchronous, state.mode.isLossless, state.members.contains(name) {
                if (timeline, flushed) > (mine.timeline, mine.flushed) { return name }
            }
            guard mayStand(name, record) else { continue }
            if standing(name, timeline: timeline, flushed: flushed, record).ranksAbove(mine) { return name }
        }
        return nil
    }

    /// In lossless modes one that has more may have what was acknowledged, and nobody else: it can only be passed by when
    /// the others are enough without it.
    private func mayOvertake(
        _ mine: Standing, _ votes: [(name: MemberName, status: MemberStatus)], _ record: ClusterRecord
    ) -> Bool {
        hasVotesEnough(
            record,
            votes.filter { name, status in
                guard let timeline = status.timeline, let flushed = status.flushed else { return false }
                return !standing(name, timeline: timeline, flushed: flushed, record).ranksAbove(mine)
                    || (timeline == mine.timeline && flushed == mine.flushed)
            })
    }

    mutating func acquire(
        _ record: ClusterRecord, promotes: Bool, kind: Transition.Kind, reason: String, id: String? = nil,
        votes: [(name: MemberName, status: MemberStatus)] = []
    ) {
        // A store that went back is overwritten with what was known, never the other way round.
        var next = isRolledBack ? memory.known ?? record : record
        next.holder = me.incarnation
        next.successor = nil
        next.successorIsConfirmed = false
        let known = max(record.term, memory.known?.term ?? 0, data?.term ?? 0)
        next.term = observation.peers.values.reduce(known) { max($0, $1.status.term) } + 1
        let previous = next.primary
        if data != nil { next.primary = me.name }
        if promotes, let running {
            let newest = max(running.timeline, next.timeline ?? TimelineID(0))
            // A number of its own for every promotion: no two histories ever have one name (5).
            let last = removed.contains(.newTimeline) ? running.timeline : newest
            next.timeline = TimelineID(last.rawValue + 1)
            next.timelineStart = nil
            next.synchronous = synchronousAtClaim(
                next, previous: previous, running, votes, handedOver: kind == .switchover)
        }
        stamp(&next)
        if kind == .bootstrap, next.remote == nil { next.synchronous = next.synchronous ?? firstPromise }
        if kind == .bootstrap { next.electorate = next.members.keys.sorted() }
        memory.arriving = Transition(
            id: id ?? "\(kind.rawValue)-\(next.term)", kind: kind, from: previous, to: me.name, term: next.term,
            succeeded: true, reason: reason)
        write(next)
    }
}
