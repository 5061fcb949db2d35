import ClusterModel

/// The lease as its holder counts it, and what everybody notes of the record (1, 8).
extension Decider {
    /// Notes what changed since the last call.
    mutating func absorb() {
        if case .running = local.process { memory.hasRun = true }
        guard store.hasAnswered else { return }
        guard let record else {
            memory.missingSince = memory.missingSince ?? now
            memory.renewal = nil
            return absorbConsents()
        }
        memory.missingSince = nil
        if let system = record.systemIdentifier { memory.knownSystem = system }
        if let result = memory.unpublished, record.lastTransition == result { memory.unpublished = nil }
        if memory.renewal?.stamp != record.renewal || memory.renewal?.term != record.term {
            if memory.renewal != nil { memory.sawRenewal = true }
            memory.renewal = Memory.Renewal(term: record.term, stamp: record.renewal)
            memory.renewalUnchangedSince = now
            memory.suspectedSince = nil
            memory.candidateSince = nil
            if record.term >= memory.known?.term ?? 0 { memory.known = record }
        }
        if memory.wasPaused != record.intent.paused {
            memory.wasPaused = record.intent.paused
            // Nobody has waited while nobody was allowed to stand.
            if !memory.wasPaused { memory.renewalUnchangedSince = now }
        }
        // Given back: that term is over, whatever a store that goes back may say later.
        if record.holder == nil, let held = store.held, held.term == record.term { memory.abandonedTerm = held.term }
        if let ballot = memory.ballot, holds(.noStreamWhileVoted, !isBound(to: ballot, record)) { memory.ballot = nil }
        memory.freeSince = isFree ? (memory.freeSince ?? now) : nil
        absorbConsents()
    }

    /// A vote binds as long as the record has the renewal that it was cast against.
    func isBound(to vote: Vote, _ record: ClusterRecord) -> Bool {
        vote.term == record.term && vote.renewal == record.renewal
    }

    /// The store shows less than this member knows: it was restored, or somebody changed the record by hand.
    var isRolledBack: Bool {
        guard let record, let known = memory.known else { return false }
        return record.term < known.term || record.term < (data?.term ?? 0)
    }

    /// When this incarnation gives up (R) and when the guard has killed postgres (R + K), counted from when the last
    /// renewal that succeeded, or the last question that all consented to, was sent; nil unless it leads.
    var lease: (end: Instant, writableUntil: Instant)? {
        guard let held = store.held, held.term != memory.abandonedTerm else { return nil }
        if let record {
            if record.holder == me.incarnation {
                guard record.term <= held.term else { return nil }
            } else if record.term >= held.term {
                return nil
            }
            // A lower term is of a store that went back: it is written anew, and the voters do not believe it either.
        }
        let share = share
        var end = held.sentAt + settings.giveUpAfter * share
        var writableUntil = held.sentAt + (settings.giveUpAfter + settings.killWithin) * share
        if let consented = memory.consented, consented.term == held.term {
            end = max(end, consented.end)
            writableUntil = max(writableUntil, consented.writableUntil)
        }
        return (end, writableUntil)
    }

    var recordedDuration: Duration { record?.duration ?? memory.known?.duration ?? settings.duration }

    /// Challengers wait for the D that the record says. After a reload with longer times that is still the old one, until
    /// a renewal has published the new: until then the own times shrink in proportion.
    var share: Double { min(1, max(.zero, recordedDuration) / settings.duration) }

    /// What this member, as the holder, says of the cluster: what is stored, or, when the store has lost it or went back
    /// within the lease, what it last knew.
    var ledRecord: ClusterRecord? {
        if let record, record.holder == me.incarnation, !isRolledBack { return record }
        guard let known = memory.known, known.holder == me.incarnation else { return record }
        return known
    }

    /// The lease was lost, or never there: whatever could be writable is stopped, and the term is never led again.
    mutating func abandon() {
        if let held = store.held { memory.abandonedTerm = held.term }
        memory.handover = nil
        memory.demoting = nil
        memory.promoting = nil
        memory.rounds = []
        memory.consented = nil
        memory.setting = nil
        guard mayBeWritable else { return }
        let reason = "the lease could not be renewed in time, or another member holds it"
        if operation != .stop(.fence) {
            give(.fence(reason: reason))
            give(
                .report(
                    Transition(
                        id: "fence-\(record?.term ?? 0)", kind: .fence, from: me.name, to: nil, term: record?.term ?? 0,
                        succeeded: true, reason: reason)))
        }
    }

    /// Nobody leads: released, or unchanged for a whole D on our own clock.
    var isFree: Bool {
        guard let record else { return false }
        if record.holder == nil, holds(.rolledBackIsNotFree, !isRolledBack) { return true }
        return isExpired(record)
    }

    func isExpired(_ record: ClusterRecord) -> Bool {
        guard let since = memory.renewalUnchangedSince else { return false }
        return holds(.challengerWaits, now >= since + record.duration)
    }
}
