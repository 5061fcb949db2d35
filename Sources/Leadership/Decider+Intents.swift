import ClusterModel

/// What people ask for: fenced members, copies made anew, restarts in turn.
extension Decider {
    // MARK: Fenced members

    /// A fenced primary hands over first when somebody is ready; then its postgres stops and the lease is given back.
    mutating func leaveAsFenced(_ record: ClusterRecord) {
        decision.problem = "is fenced"
        switch local.process {
        case .running(let running):
            if !running.inRecovery, memory.handover == nil, operation == nil, !memory.triedHandover,
                let best = bestCandidate()
            {
                memory.triedHandover = true
                begin(
                    Handover(
                        id: "fence-\(record.term)", target: best, deadline: now + .seconds(30), phase: .checkpointing,
                        isShutdown: true))
            }
            if memory.handover != nil { return continueHandover(running) }
            operate(.stop(.orderly))
        case .starting: operate(.stop(.orderly))
        case .stopping: break
        case .stopped:
            guard operation == nil else { return }
            if let data, memory.handover != nil { return continueStoppedHandover(record, data) }
            release(to: nil)
        }
    }

    mutating func stayFenced() {
        decision.problem = "is fenced"
        switch local.process {
        case .running, .starting: operate(.stop(.orderly))
        case .stopping, .stopped: break
        }
    }

    // MARK: Made anew

    /// True while a requested copy is under way.
    mutating func recloneIfAsked(_ leader: Member, _ leads: Bool, _ record: ClusterRecord) -> Bool {
        guard let request = record.intent.reclone[me.name] else {
            memory.recloning = nil
            return false
        }
        guard !record.intent.paused else { return false }
        let source = source(of: request.from, leader, record)
        let copy = Operation.clone(from: source)
        if memory.recloning == request.id, operation == nil, !hasFailedToClone {
            var next = record
            next.intent.reclone[me.name] = nil
            if write(next) {
                give(
                    .report(
                        Transition(
                            id: request.id, kind: .reclone, from: source, to: me.name, term: record.term,
                            succeeded: true, reason: "was asked for")))
            }
            return true
        }
        guard leads else {
            decision.problem = "waits for \(leader.name) to open before it is cloned"
            ask([leader.name], pause: .milliseconds(250))
            return false
        }
        switch local.process {
        case .running, .starting: operate(.stop(.orderly))
        case .stopping: break
        case .stopped: if operate(copy) { memory.recloning = request.id }
        }
        return true
    }

    /// Be it from whom it was tried: the best source may be another one by now.
    private var hasFailedToClone: Bool {
        if case .clone = observation.failure?.operation { true } else { false }
    }

    /// Whom to copy from: whoever was asked for, else a replica, which has more time than the primary. In lossless modes
    /// always the primary: a replica may lack what this member has acknowledged and is still counted for.
    func source(of wanted: MemberName?, _ leader: Member, _ record: ClusterRecord) -> MemberName {
        guard !settings.synchronousMode.isLossless, !(record.synchronous?.mode.isLossless ?? false) else {
            return leader.name
        }
        if let failure = observation.failure, case .clone(let last) = failure.operation, last != leader.name,
            failure.count >= 2
        {
            return leader.name
        }
        func isFit(_ name: MemberName) -> Bool {
            guard name != me.name, record.members[name]?.traits.applyDelayMilliseconds == nil,
                let status = freshReport(of: name)?.status
            else { return false }
            return status.streaming && status.vote == nil && status.timeline == record.timeline
                && (record.flushed ?? .zero).bytes(since: status.flushed ?? .zero) <= settings.maximumLag
        }
        if let wanted { return isFit(wanted) ? wanted : leader.name }
        return record.members.keys.filter(isFit).min() ?? leader.name
    }

    // MARK: Restarts in turn

    /// Replica: true while its own restart is under way. One at a time, by name; the next only when this one streams.
    mutating func restartIfAsked(_ record: ClusterRecord) -> Bool {
        guard let request = due(record.intent.restart), !record.intent.paused,
            request.remaining.contains(me.name)
        else { return false }
        if case .stopped = local.process { memory.restarted = request.id }
        guard case .running(let running) = local.process else { return false }
        if memory.restarted == request.id || (request.onlyIfPending && !running.pendingRestart) {
            if running.streaming { finishRestart(request, record) }
            return false
        }
        let first = others(request, record).first { $0 != record.holder?.name }
        guard first == me.name else { return false }
        operate(.stop(.orderly))
        return true
    }

    /// Primary: its turn comes last. It hands over, and restarts by becoming a replica; alone it restarts in place.
    mutating func leadRestart(_ record: ClusterRecord, _ running: LocalState.Running) {
        guard let request = due(record.intent.restart), !record.intent.paused, memory.handover == nil,
            memory.unpublished == nil, operation == nil
        else { return }
        guard others(request, record) == [me.name] else { return }
        if memory.restarted == request.id || (request.onlyIfPending && !running.pendingRestart) {
            return finishRestart(request, record)
        }
        if record.remote != nil {
            if operate(.stop(.orderly)) { memory.restarted = request.id }
        } else if let best = bestCandidate() {
            begin(
                Handover(
                    id: request.id, target: best, deadline: now + .seconds(60), phase: .checkpointing,
                    isShutdown: false))
        } else if record.members.count == 1 {
            if operate(.stop(.orderly)) { memory.restarted = request.id }
        } else {
            decision.problem = "waits for a replica that can take over before it restarts"
        }
    }

    /// Whose turn is still to come. A fenced member is down already, and nobody waits for it.
    private func others(_ request: RestartRequest, _ record: ClusterRecord) -> [MemberName] {
        request.remaining.filter { record.members[$0] != nil && !record.intent.fenced.contains($0) }
    }

    private func due(_ request: RestartRequest?) -> RestartRequest? {
        guard let request, request.notBefore ?? 0 <= observation.wallClock else { return nil }
        return request
    }

    private mutating func finishRestart(_ request: RestartRequest, _ record: ClusterRecord) {
        var next = record
        var left = request
        left.remaining.removeAll { $0 == me.name || record.members[$0] == nil }
        next.intent.restart = left.remaining.isEmpty ? nil : left
        guard write(next), left.remaining.isEmpty else { return }
        give(
            .report(
                Transition(
                    id: request.id, kind: .restart, from: nil, to: nil, term: record.term, succeeded: true,
                    reason: "all members were restarted")))
    }
}
