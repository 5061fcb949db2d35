import ClusterModel

/// Who of two clusters is written to (docs/leadership.md, 10). A demotion ends with a token, made once postgres has
/// stopped for good; a promotion with that token waits until all that it speaks of is replayed, and is refused once
/// anything else is.
extension Decider {
    // MARK: Demotion

    /// Primary: stops cleanly, which gives the last record to everybody who streams.
    mutating func considerDemotion(_ record: ClusterRecord) {
        guard let request = record.intent.demotion else { return memory.demoting = nil }
        guard memory.handover == nil, memory.unpublished == nil, !record.intent.paused, operation == nil else { return }
        guard let demoting = memory.demoting, demoting.id == request.id else {
            memory.demoting = Memory.Demoting(
                id: request.id, deadline: now + .milliseconds(request.deadlineMilliseconds))
            operate(.checkpoint)
            return
        }
        guard now < demoting.deadline else {
            return endDemotion(request, "postgres could not be stopped within the bound of the demotion")
        }
        operate(.stop(.orderly))
    }

    /// Once postgres has stopped: the record makes the cluster a follower, and nobody opens on this timeline again.
    mutating func continueStoppedDemotion(_ record: ClusterRecord, _ data: DataState) {
        guard let demoting = memory.demoting, let request = record.intent.demotion, request.id == demoting.id else {
            memory.demoting = nil
            if mayOpen, observation.shutdownRequests == 0 { operate(.start(.primary)) }
            return
        }
        let end = data.end ?? (removed.contains(.tokenAfterStop) ? data.checkpoint : nil)
        guard now < demoting.deadline, let end, holds(.tokenAfterStop, data.cleanShutdown && data.wasPrimary) else {
            // Way back: the lease is still ours, and nobody was given a token.
            endDemotion(request, "postgres did not stop cleanly in time, so the end of its WAL is not known")
            if mayOpen, observation.shutdownRequests == 0 { operate(.start(.primary)) }
            return
        }
        wake(at: now + .milliseconds(20))
        guard !mayBeGivenAway, !isRecordUncertain, record.holder == me.incarnation else { return }
        let token = DemotionToken(systemIdentifier: data.systemIdentifier, timeline: data.timeline, end: end)
        var next = renewed(record)
        next.remote = request.remote
        next.demotion = token
        next.intent.demotion = nil
        next.intent.switchover = nil
        next.synchronous = nil
        next.flushed = end
        // A store that goes back to before this is noticed, as after every change of who may write.
        next.term = nextTerm(record)
        let transition = Transition(
            id: request.id, kind: .demotion, from: me.name, to: nil, term: next.term, succeeded: true,
            reason: "was asked for; its token is \(token)")
        next.lastTransition = transition
        if write(next) {
            // Until its answer is known, this may be a follower already.
            memory.releaseSentAt = now
            memory.arriving = transition
        }
    }

    private mutating func endDemotion(_ request: DemotionRequest, _ reason: String) {
        memory.demoting = nil
        memory.arriving = nil
        publish(.demotion, request.id, succeeded: false, reason)
    }

    // MARK: Promotion

    /// Leader of a follower: true while nothing else is to be done with its server.
    mutating func considerPromotion(_ record: ClusterRecord, _ running: LocalState.Running) -> Bool {
        guard let request = record.intent.promotion, memory.unpublished == nil, !record.intent.paused else {
            return false
        }
        let bound = now + .milliseconds(request.deadlineMilliseconds)
        if memory.promoting?.id != request.id { memory.promoting = Memory.Demoting(id: request.id, deadline: bound) }
        let deadline = memory.promoting?.deadline ?? bound
        if let token = request.token {
            if let reason = contradiction(of: token, record, running), !removed.contains(.tokenIsNewest) {
                publish(.promotion, request.id, succeeded: false, reason)
                return false
            }
            let isReplayed = running.timeline == token.timeline && running.replayed >= token.end
            guard holds(.tokenReplayed, isReplayed) else {
                guard now < deadline else {
                    publish(
                        .promotion, request.id, succeeded: false,
                        "WAL up to \(token.end) on timeline \(token.timeline) was not replayed in time: replayed is "
                            + "\(running.replayed) on timeline \(running.timeline)")
                    return false
                }
                decision.problem =
                    "is to be promoted; waits for WAL up to \(token.end) on timeline \(token.timeline), has replayed "
                    + "\(running.replayed) on timeline \(running.timeline)"
                wake(at: now + .milliseconds(100))
                return false
            }
        }
        // What is there is final before it is judged for the last time.
        guard isDetached(running) else {
            guard now < deadline + .seconds(10) else {
                publish(.promotion, request.id, succeeded: false, "the WAL receiver could not be ended in time")
                return false
            }
            detachForVote()
            return true
        }
        claimPromotion(request, record, running)
        return true
    }

    /// Why the token is not one for this cluster, or no longer good; nil when it is, or when its WAL may still come.
    private func contradiction(
        of token: DemotionToken, _ record: ClusterRecord, _ running: LocalState.Running
    ) -> String? {
        if let own = record.systemIdentifier, own != token.systemIdentifier {
            return "the token is of the system \(token.systemIdentifier), and this cluster is of \(own)"
        }
        if running.timeline > token.timeline {
            return
                "the token is of timeline \(token.timeline), and this cluster has followed on to \(running.timeline): "
                + "somebody has led since it was made; demote the cluster that leads now, and use its token"
        }
        let has = max(running.replayed, running.flushed)
        if running.timeline == token.timeline, has > token.end {
            return
                "the token ends at \(token.end), and this cluster has WAL up to \(has): somebody has written since it "
                + "was made; demote the cluster that leads now, and use its token"
        }
        // It was made for the other cluster, which may lead by it, though nothing of that has come here yet.
        if record.demotion == token {
            return
                "the token is of this cluster's own demotion, and the other one may have been promoted with it: use a "
                + "token of that one, or force if it does not lead"
        }
        return nil
    }

    /// Record first: a timeline of a number that nobody has, and only this member may lead until it is counted otherwise.
    private mutating func claimPromotion(
        _ request: PromotionRequest, _ record: ClusterRecord, _ running: LocalState.Running
    ) {
        guard operation == nil, record.holder == me.incarnation else { return }
        var next = renewed(record)
        next.remote = nil
        next.demotion = nil
        next.intent.promotion = nil
        next.term = nextTerm(record)
        let newest = max(running.timeline, record.timeline ?? TimelineID(0))
        // Without a token the other cluster may go on, and its next promotion takes the next number.
        next.timeline = TimelineID(newest.rawValue + (request.token == nil ? 2 : 1))
        next.timelineStart = nil
        next.synchronous = firstPromise
        let how = request.token.map { "everything up to \($0) is here" } ?? "without a token, by force"
        if write(next) {
            memory.arriving = Transition(
                id: request.id, kind: .promotion, from: nil, to: me.name, term: next.term, succeeded: true,
                reason: "was asked for; \(how)")
        }
    }

    private func nextTerm(_ record: ClusterRecord) -> UInt64 {
        max(record.term, memory.known?.term ?? 0, data?.term ?? 0) + 1
    }

    private mutating func publish(_ kind: Transition.Kind, _ id: String, succeeded: Bool, _ reason: String) {
        let transition = Transition(
            id: id, kind: kind, from: me.name, to: nil, term: record?.term ?? 0, succeeded: succeeded, reason: reason)
        memory.unpublished = transition
        give(.report(transition))
    }
}
