import ClusterModel

/// What the holder writes: renewals, results, and in the end the release.
extension Decider {
    mutating func renewIfDue(_ record: ClusterRecord) {
        guard let held = store.held else { return }
        let due = held.sentAt + settings.renewEvery
        let mustTell =
            memory.unpublished != nil || (data != nil && record.systemIdentifier == nil) || mayBeGivenAway
            || isRecordUncertain
            || record.members[me.name] != me || record.electorate.count != record.members.count
            || store.record?.holder != me.incarnation
        guard mustTell || now >= due else { return wake(at: due) }
        write(renewed(record))
    }

    /// The record with a new stamp and with all that the holder knows now.
    mutating func renewed(_ record: ClusterRecord) -> ClusterRecord {
        var next = record
        stamp(&next)
        next.systemIdentifier = record.systemIdentifier ?? data?.systemIdentifier
        next.electorate = next.members.keys.sorted()
        if let running, !running.inRecovery || record.remote != nil {
            if running.timeline > (record.timeline ?? TimelineID(0)) { next.timeline = running.timeline }
            next.flushed = running.flushed
            next.primary = me.name
            next.timelineStart = history(of: running.timeline) ?? record.timelineStart
        }
        if let result = memory.unpublished {
            next.lastTransition = result
            if next.intent.switchover?.id == result.id { next.intent.switchover = nil }
            if next.intent.demotion?.id == result.id { next.intent.demotion = nil }
            if next.intent.promotion?.id == result.id { next.intent.promotion = nil }
        }
        // A request that names another primary than the present one is void.
        if let request = next.intent.switchover, request.from != me.name { next.intent.switchover = nil }
        if let restart = next.intent.restart, restart.remaining.allSatisfy({ next.members[$0] == nil }) {
            next.intent.restart = nil
        }
        if !next.intent.reclone.isEmpty { next.intent.reclone[me.name] = nil }
        return next
    }

    private func history(of timeline: TimelineID) -> LSN? {
        guard let history = observation.leaderHistory, history.timeline == timeline else { return nil }
        return history.ancestors.last?.end
    }

    /// Gives the lease back; with a successor only that member may take it before D has passed.
    ///
    /// - Parameter confirmed: the successor has everything, or a person gave up what it lacks.
    mutating func release(to successor: MemberName?, confirmed: Bool = false) {
        guard var next = record, next.holder == me.incarnation, !isRolledBack else { return }
        stamp(&next)
        next.holder = nil
        next.successor = successor
        next.successorIsConfirmed = confirmed
        if let data, !mayBeWritable, data.cleanShutdown { next.flushed = data.checkpoint }
        if let result = memory.unpublished {
            next.lastTransition = result
            if next.intent.switchover?.id == result.id { next.intent.switchover = nil }
        }
        if write(next) { memory.releaseSentAt = now }
    }

    /// With what is known to be in the record, and no release on its way.
    var mayOpen: Bool { holds(.noOpeningAfterRelease, !mayBeGivenAway) && holds(.overlap, !isRecordUncertain) }

    /// A release was sent, and nothing has shown since that it was not applied: a renewal that succeeds later does,
    /// because the release named a version that is gone by then.
    var mayBeGivenAway: Bool {
        guard let sent = memory.releaseSentAt, let held = store.held else { return false }
        return held.sentAt <= sent
    }
}
