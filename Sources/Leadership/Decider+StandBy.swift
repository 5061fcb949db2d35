import ClusterModel

/// Rules for everybody who does not hold the lease.
extension Decider {
    /// Nobody leads: released, or unchanged for a whole D on our own clock.
    var isFree: Bool {
        guard let record else { return false }
        if record.holder == nil { return true }
        return isExpired(record)
    }

    private func isExpired(_ record: ClusterRecord) -> Bool {
        guard let since = memory.renewalUnchangedSince else { return false }
        return now >= since + record.duration
    }

    /// An earlier run of this very pod holds it. We hold the lock of its data directory and its postgres is gone, so
    /// it is dead for certain, and only we know that. A name alone would not do: pods of one name follow each other.
    private func isMyPast(_ record: ClusterRecord) -> Bool {
        guard let holder = record.holder else { return false }
        return holder.name == me.name && holder.podUID == me.incarnation.podUID && !mayBeWritable
    }

    mutating func standBy() {
        // A hand-over ends with the lease, one way or the other.
        memory.handover = nil
        guard store.hasAnswered else {
            decision.problem = "the lease store has not answered yet"
            return
        }
        guard let record else { return standWithoutRecord() }
        if let data, let cluster = record.systemIdentifier, data.systemIdentifier != cluster {
            // Never opened (else it would have been refused): it lost the race to become the cluster.
            return operate(.discard)
        }
        if let since = memory.renewalUnchangedSince { wake(at: since + record.duration) }
        if isFree || isMyPast(record) {
            considerTakingOver(record)
        } else if let holder = record.holder, holder.name != me.name, let leader = record.members[holder.name] {
            memory.arriving = nil
            if record.systemIdentifier == nil {
                decision.problem = "waits for \(holder.name) to initialize the cluster"
            } else {
                rejoin(leader, record)
            }
        }
        registerIfNeeded(record)
    }

    /// Puts the own entry into the record; the holder does so with its renewals.
    private mutating func registerIfNeeded(_ record: ClusterRecord) {
        guard record.members[me.name] != me, record.holder != me.incarnation else { return }
        var next = record
        next.members[me.name] = me
        write(next)
    }

    private mutating func standWithoutRecord() {
        var first = ClusterRecord(cluster: observation.cluster, durationMilliseconds: settings.duration.milliseconds)
        switch local.data {
        case .absent:
            first.holder = me.incarnation
            first.term = 1
            memory.arriving = Transition(
                id: "bootstrap-1", kind: .bootstrap, from: nil, to: me.name, term: 1, succeeded: true,
                reason: "the cluster did not exist")
        case .present(let data):
            // The record was lost, not the cluster. After D no holder of the lost record can still be writable;
            // it is made anew without a holder, so that all members can enter themselves and the best one wins.
            guard let since = memory.missingSince, now >= since + settings.duration else {
                decision.problem = "the cluster record is missing"
                return
            }
            first.systemIdentifier = data.systemIdentifier
            first.timeline = data.timeline
            first.term = data.term
            if data.wasPrimary { first.primary = me.name }
        case .unknown, .refused: return
        }
        stamp(&first)
        write(first)
    }

    // MARK: Taking over

    private mutating func considerTakingOver(_ record: ClusterRecord) {
        guard let data else {
            if local.data == .absent, record.systemIdentifier == nil, record.timeline == nil, operation == nil {
                acquire(record, promotes: false, kind: .bootstrap, reason: "nobody initialized the cluster")
            } else {
                decision.problem = "waits for a primary to clone from"
            }
            return
        }
        if record.successor != nil, record.successor != me.name, record.holder == nil, !isExpired(record) {
            // Released to another member: only it may take over before D has passed.
            prepare(data, record)
            return
        }
        switch local.process {
        case .stopped:
            guard operation == nil else { return }
            if canStartInPlace(record, data) {
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
        } else if data.wasPrimary {
            decision.problem = "was primary before another member was; waits for a primary to rejoin"
        } else {
            operate(.start(.standby(upstream: nil)))
        }
    }

    /// Rule 3, for a running standby while nobody leads.
    private mutating func stand(_ record: ClusterRecord, _ running: LocalState.Running) {
        let promised = record.timeline ?? running.timeline
        let mayContinue = record.primary == me.name && running.timeline < promised
        guard running.timeline >= promised || mayContinue else {
            // Only the member that was promised that timeline may create it: a second one of that name would
            // diverge without anybody noticing.
            decision.problem =
                "timeline \(promised) was promised to \(record.primary?.rawValue ?? "another member"), this member "
                + "is on \(running.timeline)"
            return
        }
        let lag = (record.flushed ?? .zero).bytes(since: running.flushed)
        guard lag <= settings.maximumLag || mayContinue else {
            decision.problem = "is \(lag) bytes behind the last primary, more than maximumLag"
            return
        }
        let chosen = record.successor == me.name && record.holder == nil
        if !chosen, awaitsVotes(record) { return }
        if !chosen, let better = betterThanMe(record, running.flushed) {
            let since = memory.freeSince ?? now
            // A better member that never moves (it may not reach the store) does not block the others for good.
            guard now >= since + settings.duration else {
                decision.problem = "leaves the lead to \(better)"
                return wake(at: since + settings.duration)
            }
        }
        let request = chosen ? record.intent.switchover : nil
        acquire(
            record, promotes: true, kind: chosen ? .switchover : .failover,
            reason: chosen
                ? "\(record.primary?.rawValue ?? "the primary") handed over"
                : record.holder == nil ? "the lease was given back" : "the lease ran out",
            id: request?.id)
    }

    private mutating func acquire(
        _ record: ClusterRecord, promotes: Bool, kind: Transition.Kind, reason: String, id: String? = nil
    ) {
        var next = record
        next.holder = me.incarnation
        next.successor = nil
        next.term = max(record.term, data?.term ?? 0) + 1
        let previous = record.primary
        if data != nil { next.primary = me.name }
        if promotes, let running {
            // The new timeline's number is taken before it exists, so that no two members ever make it.
            let promised = record.timeline ?? running.timeline
            let continues = previous == me.name && running.timeline < promised
            next.timeline = continues ? promised : TimelineID(running.timeline.rawValue + 1)
            next.timelineStart = nil
        }
        stamp(&next)
        memory.arriving = Transition(
            id: id ?? "\(kind.rawValue)-\(next.term)", kind: kind, from: previous, to: me.name, term: next.term,
            succeeded: true, reason: reason)
        write(next)
    }

    // MARK: Following

    /// Rule 7: follow if the history allows, else rewind, else clone; each by itself.
    private mutating func rejoin(_ leader: Member, _ record: ClusterRecord) {
        let status = freshReport(of: leader.name)?.status
        let leads = status?.role == .primary && status?.term == record.term
        guard let data else {
            guard local.data == .absent else { return }
            guard leads else {
                decision.problem = "waits for \(leader.name) to open before it is cloned"
                return ask([leader.name], pause: .milliseconds(250))
            }
            return operate(.clone(from: leader.name))
        }
        if data.rewindPending, leads, operation == nil { return rewind(leader) }
        switch local.process {
        case .stopping: return
        // It may need WAL from somebody who is there before it answers at all.
        case .starting:
            if !local.mayWrite, local.upstream != leader.name { operate(.follow(leader.name)) }
        case .stopped: startAsFollower(of: leader, leads: leads, data)
        case .running(let running):
            if diverged(running) {
                decision.problem = "has WAL that \(leader.name) does not have; stops to be rewound"
                return operate(.stop(.orderly))
            }
            if running.upstream != leader.name { operate(.follow(leader.name)) }
        }
    }

    private mutating func startAsFollower(of leader: Member, leads: Bool, _ data: DataState) {
        guard operation == nil else { return }
        let history = observation.leaderHistory
        guard leads, let history else {
            // A standby may start before the leader is open. A former primary may not: whether it can follow depends
            // on where the leader's timeline branches off.
            if data.wasPrimary {
                decision.problem = "was primary; waits for \(leader.name) to open"
                ask([leader.name], pause: .milliseconds(100))
            } else {
                operate(.start(.standby(upstream: leader.name)))
            }
            return
        }
        let follows: Bool
        if data.timeline > history.timeline {
            follows = false
        } else if data.timeline == history.timeline {
            follows = !data.wasPrimary || data.cleanShutdown
        } else if data.wasPrimary {
            // The last record of a clean shutdown is its checkpoint: it must lie before the fork. After a crash the
            // end of the WAL is unknown, and pg_rewind finds out.
            follows = data.cleanShutdown && history.end(of: data.timeline).map { data.checkpoint < $0 } ?? false
        } else {
            follows = history.canBeFollowed(from: data.timeline, at: max(data.minimumRecovery, data.checkpoint))
        }
        if follows {
            operate(.start(.standby(upstream: leader.name)))
        } else {
            rewind(leader)
        }
    }

    private mutating func rewind(_ leader: Member) {
        let attempt = Operation.rewind(from: leader.name)
        let next: Operation
        switch observation.failure {
        case .some(let failure) where failure.operation == attempt && failure.count >= settings.rewindAttempts:
            next = .clone(from: leader.name)
        case .some(let failure):
            if case .clone = failure.operation { next = .clone(from: leader.name) } else { next = attempt }
        case nil: next = attempt
        }
        operate(next)
    }

    /// A running standby that has WAL past the point where the leader's timeline left its own.
    private func diverged(_ running: LocalState.Running) -> Bool {
        guard let history = observation.leaderHistory, history.timeline > running.timeline else { return false }
        return !history.canBeFollowed(from: running.timeline, at: running.flushed)
    }
}
