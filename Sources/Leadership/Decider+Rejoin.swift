import ClusterModel

/// Rule 7: follow if the history allows, else rewind, else clone; each by itself.
extension Decider {
    mutating func rejoin(_ leader: Member, _ record: ClusterRecord) {
        let status = freshReport(of: leader.name)?.status
        let leads = status.map { $0.role == .primary || $0.leadsStandby } ?? false && status?.term == record.term
        guard let data else {
            guard local.data == .absent else { return }
            guard leads else {
                decision.problem = "waits for \(leader.name) to open before it is cloned"
                return ask([leader.name], pause: .milliseconds(250))
            }
            operate(.clone(from: source(of: nil, leader, record)))
            return
        }
        if recloneIfAsked(leader, leads, record) || restartIfAsked(record) { return }
        if data.rewindPending, !removed.contains(.halfRewound) {
            guard leads, operation == nil else {
                decision.problem = "a rewind was interrupted; waits for \(leader.name) to finish it"
                return ask([leader.name], pause: .milliseconds(250))
            }
            return rewind(leader)
        }
        noteAhead(of: leader, data, record)
        switch local.process {
        case .stopping: return
        // It may need WAL from somebody who is there before it answers at all.
        case .starting:
            if !local.mayWrite, let history = leadersHistory(leader, record), !canFollow(history, data) {
                // It waits for WAL that the leader's history does not have.
                operate(.stop(.orderly))
                return
            }
            if let upstream = upstream(leader, record), !local.mayWrite, local.upstream != upstream {
                operate(.follow(upstream))
            }
        case .stopped: startAsFollower(of: leader, leads: leads, data, record)
        case .running(let running):
            if let history = leadersHistory(leader, record), diverged(running, history) {
                decision.problem = "has WAL that \(leader.name) does not have; stops to be rewound"
                operate(.stop(.orderly))
                return
            }
            if let upstream = upstream(leader, record), running.upstream != upstream { operate(.follow(upstream)) }
        }
    }

    /// Whom to stream from: the leader, or a fit replica that the configuration prefers. nil: not yet, because what was
    /// promised in a vote before this run began is not known to be void (3).
    private mutating func upstream(_ leader: Member, _ record: ClusterRecord) -> MemberName? {
        if record.synchronous?.mode.isLossless ?? false, !holds(.streamAfterRenewal, memory.sawRenewal) {
            decision.problem = "streams once it has seen \(leader.name) renew its lease"
            return nil
        }
        if isNeededDirectly(record) { return leader.name }
        guard let wanted = me.traits.replicateFrom, wanted != me.name, wanted != leader.name,
            let member = record.members[wanted], !record.intent.fenced.contains(wanted),
            // A chain of two is enough, and cannot become a ring.
            member.traits.replicateFrom == nil || member.traits.replicateFrom == leader.name,
            let status = freshReport(of: wanted)?.status, status.streaming, status.vote == nil,
            status.timeline == observation.leaderHistory?.timeline
        else { return leader.name }
        return wanted
    }

    /// Commits wait for so many that this member has to be one of them: they see only who streams from the primary itself.
    private func isNeededDirectly(_ record: ClusterRecord) -> Bool {
        guard let state = record.synchronous, state.mode.isLossless, me.traits.mayBeSynchronous else { return false }
        return state.members.count { $0 != me.name } < max(1, settings.synchronousCount)
    }

    private mutating func startAsFollower(of leader: Member, leads: Bool, _ data: DataState, _ record: ClusterRecord) {
        guard operation == nil else { return }
        guard leads, let history = leadersHistory(leader, record) else {
            // A standby may start before the leader is open. A former primary may not: whether it can follow depends
            // on where the leader's timeline branches off.
            if data.wasPrimary {
                decision.problem = "was primary; waits for \(leader.name) to open"
                ask([leader.name], pause: .milliseconds(100))
            } else {
                operate(.start(.standby(upstream: upstream(leader, record))))
            }
            return
        }
        if canFollow(history, data) {
            operate(.start(.standby(upstream: upstream(leader, record))))
        } else {
            rewind(leader)
        }
    }

    /// Whether a stopped server's WAL is part of the leader's history.
    func canFollow(_ history: TimelineHistory, _ data: DataState) -> Bool {
        if removed.contains(.formerPrimary) { return true }
        if data.timeline > history.timeline { return false }
        if data.timeline == history.timeline { return !data.wasPrimary || data.cleanShutdown }
        if data.wasPrimary {
            // The last record of a clean shutdown is its checkpoint: it must lie before the fork. After a crash the
            // end of the WAL is unknown, and pg_rewind finds out.
            return data.cleanShutdown && history.end(of: data.timeline).map { data.checkpoint < $0 } ?? false
        }
        return history.canBeFollowed(from: data.timeline, at: max(data.minimumRecovery, data.checkpoint))
    }

    /// Of the timeline that the leader is on now, as it says itself; that of an earlier leader says nothing.
    private func leadersHistory(_ leader: Member, _ record: ClusterRecord) -> TimelineHistory? {
        guard let history = observation.leaderHistory, let status = freshReport(of: leader.name)?.status,
            status.role == .primary || status.leadsStandby, status.term == record.term,
            status.timeline == history.timeline
        else { return nil }
        return isAheadOfNews ? nil : history
    }

    /// In a cluster that follows another one, a new timeline comes to everybody, and may be here before it is known that
    /// the leader has it.
    private mutating func noteAhead(of leader: Member, _ data: DataState, _ record: ClusterRecord) {
        isAheadOfNews = false
        guard record.remote != nil, let report = freshReport(of: leader.name), let theirs = report.status.timeline,
            running?.timeline ?? data.timeline > theirs
        else { return memory.disagreesSince = nil }
        isAheadOfNews = !isLasting(isAhead: true, heardAt: report.receivedAt)
    }

    private mutating func rewind(_ leader: Member) { rewind(to: leader.name) }

    mutating func rewind(to source: MemberName) {
        let attempt = Operation.rewind(from: source)
        let next: Operation
        switch observation.failure {
        case .some(let failure) where failure.operation == attempt && failure.count >= settings.rewindAttempts:
            next = .clone(from: source)
        case .some(let failure):
            if case .clone = failure.operation { next = .clone(from: source) } else { next = attempt }
        case nil: next = attempt
        }
        operate(next)
    }

    /// A running standby that has WAL that is not in the leader's history.
    func diverged(_ running: LocalState.Running, _ history: TimelineHistory) -> Bool {
        !history.canBeFollowed(from: running.timeline, at: running.flushed)
    }
}
