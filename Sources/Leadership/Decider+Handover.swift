import ClusterModel

/// Rule 6: a planned hand-over. Checkpoint, stop, the target confirms, release to that target; every step is bounded,
/// and until the release the way back is to start in place.
extension Decider {
    mutating func considerRequests(_ record: ClusterRecord, _ running: LocalState.Running) {
        guard memory.handover == nil, memory.demoting == nil, memory.unpublished == nil,
            let request = record.intent.switchover,
            request.from == me.name, !store.writeInFlight
        else { return }
        if let notBefore = request.notBefore, notBefore > observation.wallClock {
            return wake(at: now + .milliseconds(min(notBefore - observation.wallClock, 1000)))
        }
        switch target(for: request) {
        // Nobody writes here, so nothing has to stop: the other one goes on from where it is.
        case .success(let target) where record.remote != nil: release(to: target, confirmed: true)
        case .success(let target):
            begin(
                Handover(
                    id: request.id, target: target, deadline: now + .milliseconds(request.deadlineMilliseconds),
                    phase: .checkpointing, isShutdown: false, force: request.force))
        case .failure(let refusal):
            if awaitsReports(id: request.id, of: request.to.map { [$0] } ?? Array(record.members.keys)) { return }
            finish(id: request.id, to: request.to, succeeded: false, reason: refusal.reason)
        }
    }

    /// A member may have become ready after it last reported: nobody is refused on a report that is older than the
    /// request. True while answers are awaited, for two seconds at most.
    private mutating func awaitsReports(id: String, of names: [MemberName]) -> Bool {
        if memory.judging?.id != id { memory.judging = Memory.Judging(id: id, since: now) }
        guard let since = memory.judging?.since, now < since + .seconds(2), let record else { return false }
        let silent = names.filter { name in
            name != me.name && record.members[name] != nil
                && observation.peers[name].map { $0.receivedAt <= since } ?? true
        }
        guard !silent.isEmpty else { return false }
        ask(silent, pause: .milliseconds(50))
        return true
    }

    mutating func begin(_ handover: Handover) {
        guard operation == nil else { return }
        memory.handover = handover
        operate(.checkpoint)
    }

    /// While postgres still runs.
    mutating func continueHandover(_ running: LocalState.Running) {
        guard let handover = memory.handover, operation == nil else { return }
        if now >= handover.deadline {
            memory.handover = nil
            return finish(
                id: handover.id, to: handover.target, succeeded: false,
                reason: "postgres could not be stopped within the bound of the switchover")
        }
        guard !decision.effects.contains(.operate(.checkpoint)) else { return }
        // A target that went away meanwhile: nothing was stopped yet, so simply go on.
        guard handover.force || isCandidate(handover.target) else {
            memory.handover = nil
            return finish(
                id: handover.id, to: handover.target, succeeded: false,
                reason: "\(handover.target) is no longer a candidate: \(ineligibility(of: handover.target) ?? "")")
        }
        memory.handover?.phase = .stopping
        operate(.stop(.orderly))
    }

    /// Once postgres has stopped: wait for the target, then release.
    mutating func continueStoppedHandover(_ record: ClusterRecord, _ data: DataState) {
        guard var handover = memory.handover else { return }
        wake(at: now + .milliseconds(10))
        // It was asked every few milliseconds: who says nothing for this long is gone, and clients are waiting.
        var isSilent = false
        if case .confirming(let since) = handover.phase { isSilent = now >= since + settings.confirmationPatience }
        if handover.force, isSilent || now >= handover.deadline || !data.cleanShutdown {
            // Asked for in spite of loss, by a person who was told how much.
            let has = observation.peers[handover.target]?.status.flushed ?? .zero
            let transition = Transition(
                id: handover.id, kind: .switchover, from: me.name, to: handover.target, term: record.term,
                succeeded: true, reason: "forced: \(data.checkpoint.bytes(since: has)) bytes of WAL were given up")
            // Said by who gives up: whoever takes over knows nothing of it.
            if memory.unpublished?.id != transition.id { give(.report(transition)) }
            memory.unpublished = transition
            return release(to: handover.target, confirmed: true)
        }
        guard data.cleanShutdown, now < handover.deadline, !isSilent else {
            // Way back: the lease is still ours and nobody else was allowed to write.
            memory.handover = nil
            // Down it was, so a restart that this was part of is done; otherwise it would begin again at once.
            if record.intent.restart?.id == handover.id { memory.restarted = handover.id }
            finish(
                id: handover.id, to: handover.target, succeeded: false,
                reason: data.cleanShutdown
                    ? "\(handover.target) did not confirm the shutdown checkpoint in time"
                    : "postgres did not stop cleanly, so \(handover.target) may lack its last writes")
            if !handover.isShutdown, mayOpen { operate(.start(.primary)) }
            return
        }
        if case .confirming = handover.phase {
        } else {
            handover.phase = .confirming(since: now)
            memory.handover = handover
        }
        if case .confirming(let since) = handover.phase, let report = observation.peers[handover.target],
            holds(
                .confirmedHandover,
                report.receivedAt >= since && report.status.flushed ?? .zero > data.checkpoint
                    && report.status.timeline == data.timeline)
        {
            release(to: handover.target, confirmed: true)
        } else {
            ask([handover.target], pause: .milliseconds(10))
        }
    }

    /// The end of an attempt that left this member the leader: published with the next renewal.
    private mutating func finish(id: String, to target: MemberName?, succeeded: Bool, reason: String) {
        let transition = Transition(
            id: id, kind: .switchover, from: me.name, to: target, term: record?.term ?? 0, succeeded: succeeded,
            reason: reason)
        memory.unpublished = transition
        give(.report(transition))
    }

    struct Refusal: Error {
        var reason: String
    }

    private func target(for request: SwitchoverRequest) -> Result<MemberName, Refusal> {
        if let wanted = request.to {
            if wanted == me.name { return .failure(Refusal(reason: "\(wanted) is the primary already")) }
            if let reason = ineligibility(of: wanted), !(request.force && record?.members[wanted] != nil) {
                return .failure(Refusal(reason: "\(wanted) cannot take over: \(reason)"))
            }
            return .success(wanted)
        }
        guard let best = bestCandidate() else {
            return .failure(Refusal(reason: "no member is ready to take over"))
        }
        return .success(best)
    }

    // MARK: SIGTERM

    /// PID 1 was asked to stop: hand over if primary and somebody can take it, then stop, then leave.
    mutating func shutDown() {
        decision.problem = "shutting down"
        let leads = decision.writableUntil != nil
        defer { if leads, let record { renewIfDue(record) } }
        switch local.process {
        case .running(let running):
            if leads, !running.inRecovery, observation.shutdownRequests == 1, handOverBeforeStop(running) { return }
            operate(.stop(.orderly))
        case .starting: operate(.stop(.orderly))
        case .stopping: break
        case .stopped:
            // What makes a data directory can be broken off: its next start finishes or discards what is left.
            guard operation.map({ $0.isResumable }) ?? true else { return }
            if leads, let record, record.holder == me.incarnation {
                if let data, memory.demoting != nil { return continueStoppedDemotion(record, data) }
                if let data, memory.handover != nil, observation.shutdownRequests == 1 {
                    return continueStoppedHandover(record, data)
                }
                return release(to: nil)
            }
            give(.exit(code: ExitCode.success, reason: "stopped as asked"))
        }
    }

    /// True while a hand-over is under way.
    private mutating func handOverBeforeStop(_ running: LocalState.Running) -> Bool {
        if memory.handover == nil, operation == nil, !memory.triedHandover {
            guard var next = record else { return false }
            let bound = Duration.seconds(30)
            let id = "shutdown-\(next.term)"
            guard let best = bestCandidate() else {
                if awaitsReports(id: id, of: Array(next.members.keys)) { return true }
                memory.triedHandover = true
                return false
            }
            memory.triedHandover = true
            begin(
                Handover(id: id, target: best, deadline: now + bound, phase: .checkpointing, isShutdown: true))
            // Announced like a request: the target then looks at its WAL position more often.
            next.intent.switchover = SwitchoverRequest(
                id: id, from: me.name, to: best, deadlineMilliseconds: bound.milliseconds)
            stamp(&next)
            write(next)
            return memory.handover != nil
        }
        guard memory.handover != nil else { return false }
        continueHandover(running)
        return memory.handover != nil
    }
}
