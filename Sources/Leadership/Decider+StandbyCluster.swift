import ClusterModel

/// The holder of the lease while the whole cluster follows another one (docs/leadership.md, 10): its postgres stays a
/// standby, receives WAL from there, and passes it on to the other members. It acknowledges no write, so a lease that is
/// lost loses nothing.
extension Decider {
    mutating func leadStandby(_ record: ClusterRecord, _ data: DataState) {
        memory.handover = nil
        memory.demoting = nil
        if record.intent.promotion == nil { memory.promoting = nil }
        switch local.process {
        case .stopping: return
        case .starting:
            giveUpSlowStart()
            // It may need WAL from there before it answers at all.
            if !local.mayWrite, local.upstream != .remote { operate(.follow(.remote)) }
        case .running(let running) where !running.inRecovery:
            give(.fence(reason: "the cluster follows another one, and somebody has promoted postgres by hand"))
        case .running(let running): leadRunningStandby(record, running)
        case .stopped:
            guard operation == nil else { return }
            startStandby(record, data)
        }
    }

    private mutating func leadRunningStandby(_ record: ClusterRecord, _ running: LocalState.Running) {
        decision.leadsStandby = true
        arrive(record, running)
        if considerPromotion(record, running) { return }
        considerRequests(record, running)
        leadRestart(record, running)
        giveUpWhenUseless(running)
        if recloneFromRemote(record) { return }
        switch agreement(record, timeline: running.timeline, position: running.flushed) {
        case .none, .refused: return
        case .diverged: operate(.stop(.orderly))
        case .follows:
            if running.upstream != .remote || local.upstream != .remote { operate(.follow(.remote)) }
        }
    }

    private mutating func startStandby(_ record: ClusterRecord, _ data: DataState) {
        if record.intent.paused, memory.hasRun {
            decision.problem = "postgres is down, and the cluster is paused"
            return
        }
        if local.crashedSince != nil, handOverAfterCrash(record) { return }
        if recloneFromRemote(record) { return }
        if data.rewindPending { return rewind(to: .remote) }
        // The last record of a former primary that crashed is not known: it rejoins behind a leader.
        let isStray = data.wasPrimary && (!data.cleanShutdown || record.primary != me.name)
        if isStray, record.members.count > 1 { return release(to: nil) }
        let position = data.wasPrimary ? data.checkpoint : max(data.minimumRecovery, data.checkpoint)
        switch agreement(record, timeline: data.timeline, position: position) {
        case .none, .refused: operate(.start(.standby(upstream: nil)))
        case .diverged: rewind(to: .remote)
        case .follows: if isStray { rewind(to: .remote) } else { operate(.start(.standby(upstream: .remote))) }
        }
    }

    /// Whether what is here can go on with what the other cluster has.
    private enum Agreement {
        case follows
        /// Some of what was received there was lost there, by a failover: it goes with a rewind, as a member's does.
        case diverged
        /// It must not be followed; the problem says why.
        case refused
        /// Nowhere to follow to.
        case none
    }

    private mutating func agreement(_ record: ClusterRecord, timeline: TimelineID, position: LSN) -> Agreement {
        guard observation.standbySource != nil || record.remote?.host != nil else {
            decision.problem = "follows another cluster, and standbyCluster is not configured here"
            return .none
        }
        guard let remote = observation.remote, now.since(remote.receivedAt) <= settings.reportLifetime * 2 else {
            return .follows
        }
        guard remote.systemIdentifier == record.systemIdentifier else {
            decision.problem =
                "the other cluster has system identifier \(remote.systemIdentifier), and this one "
                + "\(record.systemIdentifier?.description ?? "none"): it is no copy of it; correct standbyCluster"
            return .refused
        }
        // A replica over there may be behind; what its primary has is what counts.
        guard remote.isPrimary, let history = remote.history, history.timeline == remote.timeline,
            !isPart(of: history, timeline, position)
        else {
            memory.disagreesSince = nil
            return .follows
        }
        guard isLasting(isAhead: timeline > remote.timeline, heardAt: remote.receivedAt) else { return .follows }
        let fork = history.end(of: timeline)
        if let demotion = record.demotion, fork.map({ $0 < demotion.end }) ?? true {
            decision.problem =
                "this cluster was written to after the other one had left its history "
                + "(\(fork.map { "at \($0)" } ?? "on timeline \(timeline)")): to give that up, reclone \(me.name)"
            return .refused
        }
        return .diverged
    }

    /// What was heard of another server is a little older than what is known of the own one: WAL of a new timeline comes
    /// before the news of it.
    mutating func isLasting(isAhead: Bool, heardAt: Instant) -> Bool {
        let since = memory.disagreesSince ?? now
        memory.disagreesSince = since
        let due = since + (isAhead ? settings.duration * 2 : settings.renewEvery * 2)
        wake(at: due)
        return now >= due && heardAt > since
    }

    /// A timeline of the same number is the same only if it began at the same place.
    private func isPart(of history: TimelineHistory, _ timeline: TimelineID, _ position: LSN) -> Bool {
        if timeline == history.timeline, let own = observation.leaderHistory, own.timeline == timeline {
            return own.ancestors.map(\.end) == history.ancestors.map(\.end)
                && own.ancestors.map(\.timeline) == history.ancestors.map(\.timeline)
        }
        return history.canBeFollowed(from: timeline, at: position)
    }

    /// A person gives up what this cluster has: the holder is made anew from the other one. True while it is under way.
    private mutating func recloneFromRemote(_ record: ClusterRecord) -> Bool {
        guard let request = record.intent.reclone[me.name], !record.intent.paused else {
            memory.recloning = nil
            return false
        }
        if memory.recloning == request.id, operation == nil, observation.failure == nil {
            memory.recloning = nil
            memory.unpublished = Transition(
                id: request.id, kind: .reclone, from: nil, to: me.name, term: record.term, succeeded: true,
                reason: "was asked for; from the other cluster")
            if let result = memory.unpublished { give(.report(result)) }
            return false
        }
        guard memory.unpublished == nil else { return false }
        switch local.process {
        case .running, .starting: operate(.stop(.orderly))
        case .stopping: break
        case .stopped: if operate(.clone(from: .remote)) { memory.recloning = request.id }
        }
        return true
    }
}
