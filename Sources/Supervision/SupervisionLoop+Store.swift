import ClusterModel
import Leadership
import LeaseStores
import Logging
import Management
import Metrics
import Platform

/// What is known of the record.
extension SupervisionLoop {
    func readStore(_ now: Instant) {
        // The watch tells of changes; regular reading makes up for one that was lost.
        nextReadAt = now + observation.settings.renewEvery * 2
        if reading {
            readAgain = true
        } else {
            reading = lease.read()
        }
    }

    func storeRead(_ result: Result<StoredRecord?, LeaseStoreError>, _ now: Instant) {
        reading = false
        if readAgain {
            readAgain = false
            readStore(now)
        }
        switch result {
        case .success(let stored):
            observation.store.hasAnswered = true
            storeProblem = nil
            take(stored?.record, stored?.version.text)
            control.wasRead()
            // A write whose answer was lost: the record tells that it was applied, counted from when it was sent.
            if let uncertain, let record = stored?.record, record.renewal == uncertain.write.record.renewal,
                record.holder == observation.me.incarnation
            {
                observation.store.held = StoreView.Held(term: record.term, sentAt: uncertain.sentAt)
            }
            uncertain = nil
        case .failure(let error): count(error)
        }
    }

    private func take(_ record: ClusterRecord?, _ version: String?) {
        let before = observation.store.record
        if record?.timeline != before?.timeline { nextSlotsAt = BootClock.now() }
        // Who leads, or what there is to clone, has changed: what the others say of themselves is needed now.
        if record?.term != before?.term || record?.flushed == nil || before?.flushed == nil {
            nextPeersAt = min(nextPeersAt, BootClock.now() + .milliseconds(50))
        }
        if record?.renewal != before?.renewal { renewalSeenAt = BootClock.now() }
        observation.store.record = record
        observation.store.version = version
        namesakes.note(
            entry: record?.members[observation.me.name]?.incarnation, me: observation.me.incarnation,
            at: BootClock.now())
        if before?.members[observation.me.name] != record?.members[observation.me.name] { askNamesake() }
        if let last = record?.lastTransition, last != before?.lastTransition {
            history.note(last, at: BootClock.wallClockMilliseconds())
        }
        // Who leads no longer, for the labels of pods.
        for former in [before?.holder?.name, before?.primary] {
            if let former, former != observation.me.name { formerPrimaries.insert(former) }
        }
        // A hand-over waits for what the target knows of its WAL: from now on it looks more often.
        if record?.intent != before?.intent || record?.holder != before?.holder {
            nextProbeAt = min(nextProbeAt, BootClock.now())
            if isHandoverNear { prepareSegments() }
        }
    }

    func storeWritten(
        _ write: StoreWrite, _ result: Result<RecordVersion, LeaseStoreError>, sentAt: Instant, answeredAt: Instant,
        _ now: Instant
    ) {
        observation.store.writeInFlight = false
        metrics.leaseRenewal.observe(answeredAt.since(sentAt).inSeconds)
        // Only a new stamp is a renewal, for us as for those who watch it; a change of the intent alone is none.
        let renews =
            write.record.holder == observation.me.incarnation
            && write.record.renewal != observation.store.record?.renewal
        switch result {
        case .success(let version):
            observation.store.hasAnswered = true
            observation.store.lastFailedWrite = nil
            nextReadAt = max(nextReadAt, now + observation.settings.renewEvery * 2)
            storeProblem = nil
            if renews { countTakeOver(before: observation.store.record, write.record, now) }
            take(write.record, version.text)
            if renews {
                if answeredAt.since(sentAt) > observation.settings.giveUpAfter {
                    metrics.leaseErrors.increment(.late)
                }
                observation.store.held = StoreView.Held(term: write.record.term, sentAt: sentAt)
            }
            control.written(write.record)
        case .failure(let error):
            observation.store.lastFailedWrite = now
            if error.isDoubtful, renews { uncertain = (write, sentAt) }
            control.failed(write.record, error)
            count(error)
        }
    }

    /// By what this member became the holder.
    private func countTakeOver(before: ClusterRecord?, _ after: ClusterRecord, _ now: Instant) {
        guard before?.holder != observation.me.incarnation else { return }
        guard let before, before.systemIdentifier != nil else { return metrics.takeOvers.increment(.bootstrap) }
        guard let holder = before.holder else { return metrics.takeOvers.increment(.released) }
        if holder.name == observation.me.name, holder.podUID == observation.me.incarnation.podUID {
            return metrics.takeOvers.increment(.ownPast)
        }
        let waited = renewalSeenAt.map { now.since($0) } ?? .zero
        metrics.takeOvers.increment(waited >= before.duration ? .expired : .votes)
    }

    private func count(_ error: LeaseStoreError) {
        switch error {
        case .conflict, .alreadyExists: metrics.leaseErrors.increment(.conflict)
        case .notFound: metrics.leaseErrors.increment(.conflict)
        case .unavailable:
            metrics.leaseErrors.increment(.unavailable)
            log.warning("the lease store", metadata: ["error": "\(error)"])
        case .denied:
            metrics.leaseErrors.increment(.denied)
            if storeProblem != error.description {
                log.error("the lease store", metadata: ["error": "\(error)"])
            }
            storeProblem = error.description
        case .invalid:
            metrics.leaseErrors.increment(.invalid)
            // The next answer that can be used ends it: nobody needs to restart anything.
            if storeProblem != error.description {
                log.error("the lease store", metadata: ["error": "\(error)"])
            }
            storeProblem = error.description
        }
    }
}
