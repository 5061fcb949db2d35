import ClusterModel

/// Rules for the holder of a valid lease.
extension Decider {
    mutating func lead() {
        guard let record else { return }
        if let data, data.systemIdentifier != (record.systemIdentifier ?? data.systemIdentifier) {
            return release(to: nil)
        }
        carryOn(record)
        renewIfDue(record)
    }

    /// Brings postgres to where a holder's postgres must be.
    private mutating func carryOn(_ record: ClusterRecord) {
        guard let data else {
            // A cluster that exists is never made anew: a holder that lost its directory gives the lease up.
            if record.systemIdentifier != nil, local.data == .absent, operation == nil { return release(to: nil) }
            if local.data == .absent { operate(.initialize) }
            return
        }
        // Others must know whose cluster this is before a single client can write to it.
        guard record.systemIdentifier == data.systemIdentifier else { return }
        switch local.process {
        case .starting: return giveUpSlowStart()
        case .stopping: return
        case .running(let running) where running.inRecovery:
            memory.handover = nil
            if !mayBeGivenAway { operate(.promote) }
        case .running(let running):
            arrive(record, running)
            continueHandover(running)
            considerRequests(record, running)
            giveUpWhenUnresponsive(running)
        case .stopped:
            guard operation == nil else { return }
            if memory.handover != nil { return continueStoppedHandover(record, data) }
            if canStartInPlace(record, data) {
                if local.crashedSince != nil {
                    if handOverAfterCrash(record) { return }
                    memory.arriving = memory.arriving ?? crashRestart(record)
                }
                if !mayBeGivenAway { operate(.start(.primary)) }
            } else if data.rewindPending || (data.wasPrimary && record.primary != me.name) {
                release(to: nil)
            } else {
                operate(.start(.standby(upstream: nil)))
            }
        }
    }

    /// Its data is the head of the cluster's timeline: it led last, and nobody was promised another timeline since.
    func canStartInPlace(_ record: ClusterRecord, _ data: DataState) -> Bool {
        guard data.wasPrimary, !data.rewindPending else { return false }
        if record.primary == me.name, let newest = record.timeline { return data.timeline >= newest }
        // Just made by initdb: nobody has led yet.
        return record.timeline == nil && data.timeline == TimelineID(1)
    }

    private mutating func arrive(_ record: ClusterRecord, _ running: LocalState.Running) {
        guard var transition = memory.arriving else { return }
        memory.arriving = nil
        transition.term = record.term
        memory.unpublished = transition
        give(.report(transition))
    }

    mutating func renewIfDue(_ record: ClusterRecord) {
        guard let held = store.held else { return }
        let due = held.sentAt + settings.renewEvery
        let data = self.data
        let mustTell =
            memory.unpublished != nil || (data != nil && record.systemIdentifier == nil) || mayBeGivenAway
            || record.members[me.name] != me
        guard mustTell || now >= due else { return wake(at: due) }
        // Rule 2: renewing is for the useful; see giveUpWhenUnresponsive.
        var next = record
        stamp(&next)
        next.systemIdentifier = record.systemIdentifier ?? data?.systemIdentifier
        if let running, !running.inRecovery {
            if running.timeline > (record.timeline ?? TimelineID(0)) { next.timeline = running.timeline }
            next.flushed = running.flushed
            next.primary = me.name
            next.timelineStart = history(of: running.timeline) ?? record.timelineStart
        }
        if let result = memory.unpublished {
            next.lastTransition = result
            if next.intent.switchover?.id == result.id { next.intent.switchover = nil }
        }
        // A request that names another primary than the present one is void.
        if let request = next.intent.switchover, request.from != me.name { next.intent.switchover = nil }
        write(next)
    }

    private func history(of timeline: TimelineID) -> LSN? {
        guard let history = observation.leaderHistory, history.timeline == timeline else { return nil }
        return history.ancestors.last?.end
    }

    /// Gives the lease back; with a successor only that member may take it before D has passed.
    mutating func release(to successor: MemberName?) {
        guard var next = record, next.holder == me.incarnation else { return }
        stamp(&next)
        next.holder = nil
        next.successor = successor
        if let data, !mayBeWritable, data.cleanShutdown { next.flushed = data.checkpoint }
        if let result = memory.unpublished {
            next.lastTransition = result
            if next.intent.switchover?.id == result.id { next.intent.switchover = nil }
        }
        if write(next) { memory.releaseSentAt = now }
    }

    /// A release was sent, and nothing has shown since that it was not applied: a renewal that succeeds later does,
    /// because the release named a version that is gone by then.
    var mayBeGivenAway: Bool {
        guard let sent = memory.releaseSentAt, let held = store.held else { return false }
        return held.sentAt <= sent
    }

    /// A primary that does not answer is of no use; but only a ready replica is better.
    private mutating func giveUpWhenUnresponsive(_ running: LocalState.Running) {
        let silent = now.since(running.provedAt)
        guard silent > settings.unresponsiveBudget else { return memory.givesUp = false }
        guard operation == nil, memory.handover == nil else { return }
        decision.problem = "postgres has not answered for \(silent.milliseconds / 1000) s"
        guard bestCandidate() != nil else { return }
        // Stopped first, released once it is down: never the other way round.
        memory.givesUp = true
        operate(.stop(.fence))
    }

    /// Recovery may take as long as it needs when nobody else is ready.
    private mutating func giveUpSlowStart() {
        guard let since = local.crashedSince, now.since(since) > settings.crashRestartBudget, bestCandidate() != nil
        else { return }
        give(.fence(reason: "crash recovery takes longer than crashRestartBudget, and a replica is ready"))
    }

    private func crashRestart(_ record: ClusterRecord) -> Transition {
        Transition(
            id: "crashRestart-\(record.term)-\(memory.renewals)", kind: .crashRestart, from: me.name, to: me.name,
            term: record.term, succeeded: true, reason: "postgres ended unasked and was restarted in place")
    }

    /// True when the lease is being given to a ready replica because restarting takes too long.
    private mutating func handOverAfterCrash(_ record: ClusterRecord) -> Bool {
        guard let since = local.crashedSince, memory.givesUp || now.since(since) > settings.crashRestartBudget,
            let best = bestCandidate()
        else { return false }
        release(to: best)
        return true
    }
}
