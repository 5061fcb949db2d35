import ClusterModel
import FoundationEssentials
import Leadership
import LeaseStores
import Logging
import Management
import Metrics
import Platform
import Postgres

extension SupervisionLoop {
    func handle(_ message: Message) {
        let now = BootClock.now()
        switch message {
        case .postmasterEnded(let process, let status): postmasterEnded(process, status, now)
        case .toolEnded(let process, let status): toolEnded(process, status)
        case .workerEnded(let kind, let process, let status):
            guard workers[kind]?.ended(process, now: now) == true, observation.shutdownRequests == 0 else { return }
            log.warning("a worker ended", metadata: ["worker": "\(kind.rawValue)", "status": "\(status)"])
        case .guardEnded(let process, let status):
            guard guardian.ended(process) else { return }
            metrics.guardRespawns.increment()
            log.error("the guard ended; it is started again", metadata: ["status": "\(status)"])
        case .storeRead(let result): storeRead(result, now)
        case .storeChanged: readStore(now)
        case .storeWritten(let write, let result, let sentAt, let answeredAt):
            storeWritten(write, result, sentAt: sentAt, answeredAt: answeredAt, now)
        case .probed(let result, let at, let run): probed(result, at: at, run: run)
        case .slotProblems(let problems):
            log.debug("replication slots could not be brought up to date", metadata: ["problems": "\(problems)"])
        case .peerAnswered(let name, let status, let at):
            observation.peers[name] = PeerReport(status: status, receivedAt: at)
        case .historyFetched(let history):
            fetchingHistory = false
            observation.leaderHistory = history
        case .historyUnavailable(let reason):
            fetchingHistory = false
            log.debug("the leader's timeline history is not known yet", metadata: ["error": "\(reason)"])
        case .inspected(let state, let rewindPending, let isBackup):
            inspected(state, rewindPending: rewindPending, isBackup: isBackup)
        case .stepDone(let step, let error): stepDone(step, error: error)
        case .switchover(let command, let reply): requestSwitchover(command, reply)
        case .reloaded(let result): reloaded(result)
        }
    }

    // MARK: Store

    private func storeRead(_ result: Result<StoredRecord?, LeaseStoreError>, _ now: Instant) {
        reading = false
        if readAgain {
            readAgain = false
            readStore(now)
        }
        switch result {
        case .success(let stored):
            observation.store.hasAnswered = true
            take(stored?.record, stored?.version.text)
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
        observation.store.record = record
        observation.store.version = version
        // A hand-over waits for what the target knows of its WAL: from now on it looks more often.
        if record?.intent != before?.intent || record?.holder != before?.holder {
            nextProbeAt = min(nextProbeAt, BootClock.now())
        }
    }

    private func storeWritten(
        _ write: StoreWrite, _ result: Result<RecordVersion, LeaseStoreError>, sentAt: Instant, answeredAt: Instant,
        _ now: Instant
    ) {
        observation.store.writeInFlight = false
        metrics.leaseRenewal.observe(answeredAt.since(sentAt).inSeconds)
        let mine = write.record.holder == observation.me.incarnation
        switch result {
        case .success(let version):
            observation.store.hasAnswered = true
            observation.store.lastFailedWrite = nil
            nextReadAt = max(nextReadAt, now + observation.settings.renewEvery * 2)
            take(write.record, version.text)
            if mine {
                if answeredAt.since(sentAt) > observation.settings.giveUpAfter {
                    metrics.leaseErrors.increment(.late)
                }
                observation.store.held = StoreView.Held(term: write.record.term, sentAt: sentAt)
            }
            answerSwitchovers(write.record)
        case .failure(let error):
            observation.store.lastFailedWrite = now
            if case .unavailable = error { uncertain = (write, sentAt) }
            count(error)
        }
    }

    private func count(_ error: LeaseStoreError) {
        switch error {
        case .conflict, .alreadyExists: metrics.leaseErrors.increment(.conflict)
        case .notFound: metrics.leaseErrors.increment(.conflict)
        case .unavailable:
            metrics.leaseErrors.increment(.unavailable)
            log.warning("the lease store", metadata: ["error": "\(error)"])
        case .invalid:
            metrics.leaseErrors.increment(.invalid)
            log.error("the lease store", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Switchover requests

    private func requestSwitchover(
        _ command: SwitchoverCommand, _ reply: @escaping @Sendable (SwitchoverAnswer) -> Void
    ) {
        guard let record = observation.store.record, let holder = record.holder else {
            return reply(.unavailable(reason: "nobody leads the cluster now"))
        }
        if let from = command.from, from != holder.name {
            return reply(
                .refused(reason: "\(from) is not the primary", hint: "the primary is \(holder.name); leave 'from' out"))
        }
        if let to = command.to, record.members[to] == nil {
            let known = record.members.keys.sorted().map(\.rawValue).joined(separator: ", ")
            return reply(.refused(reason: "\(to) is not a member of the cluster", hint: "members: \(known)"))
        }
        if command.to == holder.name {
            return reply(.refused(reason: "\(holder.name) is the primary already", hint: nil))
        }
        if let pending = record.intent.switchover {
            return reply(.refused(reason: "the switchover \(pending.id) is under way", hint: "wait for it to end"))
        }
        let request = SwitchoverRequest(
            id: "switchover-\(record.term)-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))",
            from: holder.name, to: command.to, deadlineMilliseconds: 60_000)
        switchoverReplies.append((request, reply, 0))
        submitSwitchovers()
    }

    /// Writes what was asked for into the record, where the holder finds it; any member may be asked.
    func submitSwitchovers() {
        guard let pending = switchoverReplies.first, !observation.store.writeInFlight,
            var next = observation.store.record, let version = observation.store.version
        else { return }
        guard pending.attempts < 10, next.holder?.name == pending.request.from else {
            switchoverReplies.removeFirst()
            return pending.reply(.unavailable(reason: "the record could not be written; try again"))
        }
        switchoverReplies[0].attempts += 1
        next.intent.switchover = pending.request
        guard lease.write(.replace(next, at: version)) else { return }
        observation.store.writeInFlight = true
    }

    private func answerSwitchovers(_ record: ClusterRecord) {
        guard let pending = switchoverReplies.first, record.intent.switchover?.id == pending.request.id else { return }
        switchoverReplies.removeFirst()
        pending.reply(.accepted(id: pending.request.id))
    }

    // MARK: Archiver

    func takeArchiverReports() {
        for line in workers[.archiver]?.lines() ?? [] {
            if let status = try? JSONDecoder().decode(ArchiveStatus.self, from: Data(line)) { archiveStatus = status }
        }
    }
}
