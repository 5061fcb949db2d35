import ClusterModel

/// The store cannot be reached: the others may let the holder go on (4).
extension Decider {
    /// Holder: asks from half of R without a renewal on, again with each period, as long as the lease lasts.
    mutating func seekConsent(_ record: ClusterRecord) {
        guard let held = store.held else { return }
        let due = max(
            held.sentAt + settings.giveUpAfter * share * 0.5,
            (memory.rounds.last?.sentAt ?? held.sentAt) + settings.renewEvery)
        guard now >= due else { return wake(at: due) }
        let others = asked(record).filter { $0 != me.name }
        memory.roundCount += 1
        let number = memory.roundCount
        // What they promise is measured by the D that is recorded: whoever forgets it at a restart waits for that one.
        memory.rounds.append(
            Memory.ConsentRound(
                term: held.term, number: number, sentAt: now, end: now + settings.giveUpAfter * share,
                writableUntil: now + (settings.giveUpAfter + settings.killWithin) * share))
        if memory.rounds.count > Memory.ConsentRound.kept { memory.rounds.removeFirst() }
        wake(at: now + settings.renewEvery)
        guard !others.isEmpty else { return absorbConsents() }
        give(
            .request(
                .consent(
                    ConsentRequest(
                        holder: me.incarnation, term: held.term, round: number,
                        durationMilliseconds: recordedDuration.milliseconds)),
                of: others))
    }

    /// Holder: the newest round that everybody needed has consented to.
    mutating func absorbConsents() {
        guard let held = store.held, !memory.rounds.isEmpty, let record = ledRecord, record.holder == me.incarnation
        else { return }
        for round in memory.rounds.reversed() where round.term == held.term && hasConsent(round, record) {
            if round.sentAt > memory.consented?.sentAt ?? held.sentAt { memory.consented = round }
            break
        }
        if let renewed = memory.rounds.last, held.sentAt > renewed.sentAt { memory.rounds = [] }
    }

    private func hasConsent(_ round: Memory.ConsentRound, _ record: ClusterRecord) -> Bool {
        func consents(_ name: MemberName) -> Bool {
            guard let consent = observation.consents[name] else { return false }
            return consent.term == round.term && consent.round >= round.number
        }
        func suffices(_ state: SynchronousState?) -> Bool {
            guard let state, state.mode.isLossless, state.votes <= state.members.count else {
                return asked(record).allSatisfy { $0 == me.name || consents($0) }
            }
            // No winning vote without one of them.
            return state.members.count(where: consents) >= state.members.count - state.votes + 1
        }
        let isEnough = suffices(record.synchronous) && (!isRecordUncertain || suffices(memory.recording?.state))
        return holds(.consentOfAll, isEnough)
    }

    /// The electorate, and all that entered themselves since: a renewal that counts them may have been applied although
    /// its answer was lost, and then they may stand.
    private func asked(_ record: ClusterRecord) -> [MemberName] {
        let isSame =
            record.electorate.count == record.members.count
            && record.electorate.allSatisfy { record.members[$0] != nil }
        return isSame ? record.electorate : Set(record.electorate).union(record.members.keys).sorted()
    }

    /// A peer holds the lease and cannot reach the store.
    mutating func consent(to request: ConsentRequest) -> PeerAnswer {
        func refuse(_ reason: String) -> PeerAnswer { PeerAnswer(granted: false, reason: reason, round: request.round) }
        if request.holder.name == me.name { return refuse("it has my name") }
        let highest = max(record?.term ?? 0, memory.known?.term ?? 0)
        if highest > request.term { return refuse("term \(highest) is known here") }
        if let record, record.term == request.term, record.holder != request.holder {
            return refuse("it does not hold the lease of term \(request.term)")
        }
        if let entered = record?.members[request.holder.name]?.incarnation, entered != request.holder {
            return refuse("another run with its name has entered the record")
        }
        if memory.known == nil { return refuse("the record is not known here yet") }
        if !removed.contains(.noConsentAfterVote) {
            if memory.ballot != nil { return refuse("a vote against it binds") }
            if store.writeInFlight, memory.arriving != nil { return refuse("is about to take over") }
            // A vote that was cast before this run began is forgotten; a later renewal makes it void.
            if record?.synchronous?.mode.isLossless ?? false, !memory.sawRenewal {
                return refuse("has not seen it renew its lease since it booted")
            }
        }
        // Out of pace with its clock by ρ at most, like everything: the holder counts R from before it asked.
        memory.promise = Memory.Promise(
            holder: request.holder, until: now + .milliseconds(request.durationMilliseconds))
        return PeerAnswer(granted: true, reason: "", round: request.round)
    }

    /// Whether a promise keeps this member from standing or voting against the present holder.
    func isPromised(_ record: ClusterRecord) -> Bool {
        guard let promise = memory.promise, now < promise.until, !removed.contains(.promiseKept) else { return false }
        // Released by that very holder: everybody else may only have made the record anew, or restored it.
        let isReleased = record.holder == nil && record.renewal.hasPrefix(promise.holder.bootID + ".")
        return !isReleased || isRolledBack
    }
}
