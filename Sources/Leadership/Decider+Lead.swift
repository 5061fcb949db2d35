import ClusterModel

/// Rules for the holder of a valid lease.
extension Decider {
    mutating func lead() {
        guard let record = ledRecord else { return }
        memory.ballot = nil
        memory.candidateSince = nil
        if memory.led?.term != store.held?.term {
            memory.led = store.held.map { Memory.Led(term: $0.term, since: now) }
        }
        if running?.inRecovery ?? true { (memory.gate, memory.closedSince) = (nil, nil) }
        if let data, data.systemIdentifier != (record.systemIdentifier ?? data.systemIdentifier) {
            return release(to: nil)
        }
        carryOn(record)
        if letsItEnd {
            decision.problem = "postgres cannot be stopped; the lease ends by itself"
            return
        }
        renewIfDue(record)
        seekConsent(record)
    }

    /// A server that is of no use and cannot even be killed (its disk hangs) would keep the lease for ever: what is
    /// released only once it is down then has to run out.
    private var letsItEnd: Bool {
        guard let since = memory.givesUpSince else { return false }
        if case .stopped = local.process { return false }
        return now >= since + settings.killWithin * 2
    }

    /// Brings postgres to where a holder's postgres must be.
    private mutating func carryOn(_ record: ClusterRecord) {
        guard let data else {
            // A cluster that exists is never made anew: a holder that lost its directory gives the lease up.
            if record.systemIdentifier != nil, record.remote == nil, local.data == .absent, operation == nil {
                return release(to: nil)
            }
            if local.data == .absent { operate(record.remote == nil ? .initialize : .clone(from: .remote)) }
            return
        }
        // Others must know whose cluster this is before a single client can write to it.
        guard record.systemIdentifier == data.systemIdentifier else { return }
        prepareOpening(record)
        if record.intent.fenced.contains(me.name) { return leaveAsFenced(record) }
        if record.remote != nil, !removed.contains(.followerStaysStandby) { return leadStandby(record, data) }
        memory.promoting = nil
        switch local.process {
        case .starting: return giveUpSlowStart()
        case .stopping: return
        case .running(let running) where running.inRecovery:
            memory.handover = nil
            promote(record, running)
        case .running(let running):
            arrive(record, running)
            manageSynchronous(record, running)
            admitClients(running)
            continueHandover(running)
            considerDemotion(record)
            considerRequests(record, running)
            leadRestart(record, running)
            giveUpWhenUseless(running)
        case .stopped:
            guard operation == nil else { return }
            if memory.demoting != nil { return continueStoppedDemotion(record, data) }
            if memory.handover != nil { return continueStoppedHandover(record, data) }
            if record.intent.paused, memory.hasRun {
                decision.problem = "postgres is down, and the cluster is paused"
                return
            }
            if canStartInPlace(record, data) {
                if local.crashedSince != nil {
                    if handOverAfterCrash(record) { return }
                    memory.arriving = memory.arriving ?? crashRestart(record)
                }
                // Whoever was refused its timeline stays closed when it comes back on it.
                if local.history == .refused(data.timeline) { decision.admitsClientsAtOpening = false }
                if mayOpen { operate(.start(.primary)) }
            } else if data.rewindPending || (data.wasPrimary && record.primary != me.name) {
                release(to: nil)
            } else {
                operate(.start(.standby(upstream: nil)))
            }
        }
    }

    /// Its data is the head of the cluster's timeline: it led last, and nobody was given another timeline since.
    func canStartInPlace(_ record: ClusterRecord, _ data: DataState) -> Bool {
        guard data.wasPrimary, !data.rewindPending, record.remote == nil else { return false }
        if record.primary == me.name, let newest = record.timeline { return data.timeline >= newest }
        // Just made by initdb: nobody has led yet.
        return record.timeline == nil && data.timeline == TimelineID(1)
    }

    /// Ends recovery on the number that the claim took. A server that is past it already (it crashed in the middle of
    /// that promotion) needs another one, which goes into the record first.
    private mutating func promote(_ record: ClusterRecord, _ running: LocalState.Running) {
        guard let claimed = record.timeline, holds(.noOpeningAfterRelease, !mayBeGivenAway) else { return }
        if operation?.isPromotion ?? false { return }
        if claimed <= running.timeline {
            var next = renewed(record)
            next.timeline = TimelineID(running.timeline.rawValue + 1)
            next.timelineStart = nil
            write(next)
        } else {
            // Clients come in once the archive has the history file (rule 4).
            if settings.historyPatience > .zero { decision.admitsClientsAtOpening = false }
            operate(.promote(to: claimed))
        }
    }

    mutating func arrive(_ record: ClusterRecord, _ running: LocalState.Running) {
        guard var transition = memory.arriving else { return }
        memory.arriving = nil
        transition.term = record.term
        memory.unpublished = transition
        give(.report(transition))
    }

    // MARK: Being of no use

    /// A primary that does not answer, or whose disk does not, is of no use; but only a ready replica is better. A full
    /// disk is no reason: the others have the same data, and room can be made.
    mutating func giveUpWhenUseless(_ running: LocalState.Running) {
        // It gives way for another reason (`waitsForHistory`).
        if memory.closedSince != nil, local.history == .refused(running.timeline) { return }
        var silent = now.since(running.provedAt)
        var what = "postgres has not answered"
        if case .hung(let since) = local.disk, now.since(since) > silent {
            silent = now.since(since)
            what = "the disk has not taken a write"
        }
        if local.disk == .full { decision.problem = "the disk is full" }
        guard silent > settings.unresponsiveBudget else {
            wake(at: running.provedAt + settings.unresponsiveBudget)
            return memory.givesUpSince = nil
        }
        guard operation == nil, memory.handover == nil, ledRecord?.intent.paused == false else { return }
        decision.problem = "\(what) for \(silent.milliseconds / 1000) s"
        guard bestSuccessor() != nil else { return }
        // Stopped first, released once it is down: never the other way round.
        memory.givesUpSince = memory.givesUpSince ?? now
        operate(.stop(.fence))
    }

    /// Recovery may take as long as it needs when nobody else is ready.
    mutating func giveUpSlowStart() {
        guard let since = crashedSince, now.since(since) > settings.crashRestartBudget, bestSuccessor() != nil
        else { return }
        give(.fence(reason: "crash recovery takes longer than crashRestartBudget, and a replica is ready"))
    }

    /// What happened before this lease was won says nothing about how long it is of no use.
    private var crashedSince: Instant? {
        local.crashedSince.map { max($0, memory.led?.since ?? $0) }
    }

    private func crashRestart(_ record: ClusterRecord) -> Transition {
        Transition(
            id: "crashRestart-\(record.term)-\(memory.renewals)", kind: .crashRestart, from: me.name, to: me.name,
            term: record.term, succeeded: true, reason: "postgres ended unasked and was restarted in place")
    }

    /// True when the lease is being given to a ready replica because restarting takes too long. Nothing confirms that it
    /// has everything: in lossless modes it still needs votes.
    mutating func handOverAfterCrash(_ record: ClusterRecord) -> Bool {
        guard let since = crashedSince, memory.givesUpSince != nil || now.since(since) > settings.crashRestartBudget,
            let best = bestSuccessor()
        else { return false }
        memory.yieldedAt = now
        release(to: best)
        return true
    }
}

extension Operation {
    package var isPromotion: Bool { if case .promote = self { true } else { false } }
}
