import ClusterModel
import Leadership

/// What PID 1 makes of the store's answers, and how it talks to the others.
extension World {
    func storeRead(_ member: SimulatedMember, _ call: LeaseCall) {
        member.readQueued = member.leaseQueue.contains { $0 == nil }
        guard case .read(let record, let version) = call.result else { return }
        member.observation.store.hasAnswered = true
        take(member, record, record == nil ? nil : String(version))
        // A write whose answer was lost: the record tells that it was applied, counted from when it was sent.
        if let uncertain = member.uncertain, let record, let write = uncertain.write,
            record.renewal == write.record.renewal, record.holder == member.observation.me.incarnation
        {
            member.observation.store.held = StoreView.Held(term: record.term, sentAt: uncertain.sentAt)
            raise(member, to: record.term)
        }
        member.uncertain = nil
    }

    func storeWritten(_ member: SimulatedMember, _ call: LeaseCall) {
        guard let write = call.write else { return }
        member.observation.store.writeInFlight = false
        switch call.result {
        case .written(let version):
            member.observation.store.hasAnswered = true
            member.observation.store.lastFailedWrite = nil
            member.nextReadAt = max(
                member.nextReadAt, member.clock(now) + member.observation.settings.renewEvery * 2)
            // Only a new stamp is a renewal; a change of the intent alone is none.
            let isRenewal = write.record.renewal != member.observation.store.record?.renewal
            take(member, write.record, String(version))
            if write.record.holder == member.observation.me.incarnation, isRenewal || settings.countsEveryWrite {
                member.observation.store.held = StoreView.Held(term: write.record.term, sentAt: call.sentAt)
                raise(member, to: write.record.term)
            }
        default:
            member.observation.store.lastFailedWrite = member.clock(now)
            if case .unavailable = call.result { member.uncertain = call }
            // What is there now: after a conflict or a doubtful write only reading tells.
            member.leaseQueue.insert(nil, at: 0)
            member.readQueued = true
        }
    }

    /// A server that goes on under a newer term acknowledges under that.
    private func raise(_ member: SimulatedMember, to term: UInt64) {
        guard let server = member.server, !server.inRecovery else { return }
        member.server?.term = max(term, server.term)
    }

    private func take(_ member: SimulatedMember, _ record: ClusterRecord?, _ version: String?) {
        let before = member.observation.store.record
        let local = member.clock(now)
        if record?.term != before?.term || record?.flushed == nil || before?.flushed == nil {
            member.nextPeersAt = min(member.nextPeersAt, local + .milliseconds(50))
        }
        if record?.intent != before?.intent || record?.holder != before?.holder {
            member.nextProbeAt = min(member.nextProbeAt, local)
        }
        member.observation.store.record = record
        member.observation.store.version = version
    }

    // MARK: Others

    func index(of name: MemberName) -> Int? { members.firstIndex { $0.name == name } }

    /// Nobody waits longer than a second for an answer.
    func ask(_ member: SimulatedMember, _ name: MemberName, _ request: PeerRequest?) {
        guard member.observation.store.record?.members[name] != nil, let other = index(of: name),
            !(weather.messageLoss > 0 && random.chance(25))
        else { return }
        let call = PeerCall(
            from: member.index, to: other, run: member.run, request: request, askedAt: member.clock(now),
            deadline: now + Int64(1).seconds)
        if let request { note(member.index, "asks \(name) for \(Self.words(request))") }
        schedule(.asks(call), after: random.between(messageDelay))
        if weather.messageLoss > 0, random.chance(5) { schedule(.asks(call), after: random.between(messageDelay)) }
    }

    func sends(_ from: Int, _ to: Int) -> Bool {
        network.passes(from, to) && !(weather.messageLoss > 0 && random.chance(25))
    }

    var messageDelay: Span {
        weather.messageDelay > 0 ? .milliseconds(1, 900) : Span(low: 200_000, high: 3_000_000)
    }

    func asked(_ call: PeerCall) {
        let member = members[call.to]
        guard network.passes(call.from, call.to) else {
            // The kernel sends it again, as long as nobody closes the connection: who hangs does not.
            guard now < call.deadline || members[call.from].isFrozen else { return }
            return schedule(.asks(call), after: random.between(.milliseconds(100, 700)))
        }
        guard member.alive else { return }
        if call.request == nil, !member.isFrozen {
            reply(member, call)
        } else {
            receive(member, .peerAsked(call))
        }
    }

    /// A question that is decided about takes the loop's own turn; a report does not.
    func answer(_ member: SimulatedMember, _ call: PeerCall) {
        guard let request = call.request else { return reply(member, call) }
        let (answer, memory) = Leadership.answer(
            request, member.observation, member.memory, now: member.clock(now), without: settings.without)
        member.memory = memory
        note(
            member.index,
            "\(answer.granted ? "grants" : "refuses") \(Self.words(request))\(answer.granted ? "" : ": \(answer.reason)")"
        )
        guard answer.granted, case .consent(let asked) = request else { return }
        counts.consents += 1
        guard sends(member.index, call.from), members[call.from].run == call.run else { return }
        let delay = random.between(messageDelay)
        guard isAwaited(call, now + delay) else { return }
        schedule(
            .messages(call.from, .consented(member.name, Consent(term: asked.term, round: answer.round))),
            for: call.from, after: delay)
    }

    /// A member that hangs finds the answer and the end of its patience when it goes on, and may take the answer.
    private func isAwaited(_ call: PeerCall, _ moment: Int64) -> Bool {
        moment <= call.deadline || members[call.from].isFrozen
    }

    private func reply(_ member: SimulatedMember, _ call: PeerCall) {
        guard members[call.from].alive, members[call.from].run == call.run, sends(member.index, call.from) else {
            return
        }
        let delay = random.between(messageDelay)
        guard isAwaited(call, now + delay) else { return }
        // Dated before it was sent: a confirmation must be younger than what it confirms.
        let box = PeerReportBox(name: member.name, report: PeerReport(status: status(member), receivedAt: call.askedAt))
        schedule(.messages(call.from, .peerAnswered(box)), for: call.from, after: delay)
        if weather.messageLoss > 0, random.chance(5) {
            let again = random.between(messageDelay)
            schedule(.messages(call.from, .peerAnswered(box)), for: call.from, after: again)
        }
    }

    static func words(_ request: PeerRequest) -> String {
        switch request {
        case .consent(let consent): "consent to \(consent.holder.name), term \(consent.term), round \(consent.round)"
        case .vote(let vote): "a vote for \(vote.candidate) against term \(vote.term), renewal \(vote.renewal)"
        }
    }

    func status(_ member: SimulatedMember) -> MemberStatus {
        let observation = member.observation
        var status = MemberStatus(
            cluster: "sim", name: member.name, incarnation: observation.me.incarnation, version: "simulated")
        let record = observation.store.record
        status.term = record?.term ?? 0
        status.leader = record?.holder?.name
        status.renewal = record?.renewal
        status.vote = member.decision.vote
        status.problem = member.decision.problem
        status.isFenced = record?.intent.fenced.contains(member.name) ?? false
        status.traits = observation.me.traits
        if case .present(let data) = observation.local.data {
            status.systemIdentifier = data.systemIdentifier
            status.timeline = data.timeline
            status.role = .replica
        }
        guard case .running(let running) = observation.local.process else { return status }
        status.timeline = running.timeline
        status.flushed = running.flushed
        status.pendingRestart = running.pendingRestart
        status.observedMillisecondsAgo = member.clock(now).since(running.provedAt).milliseconds
        status.state = .running
        if running.inRecovery {
            status.replayed = running.replayed
            status.streaming = running.streaming
            status.receiving = running.receiving
            status.upstream = running.upstream
            status.state = running.streaming ? .streaming : .running
            status.candidate = observation.shutdownRequests == 0 && member.stopMode == nil && !status.isFenced
        } else if member.decision.writableUntil != nil {
            status.role = .primary
            status.ready = true
        }
        return status
    }

    // MARK: History

    func fetchHistoryIfNeeded(_ member: SimulatedMember) {
        guard !member.isFetchingHistory, let record = member.observation.store.record, let holder = record.holder
        else { return }
        let known = member.observation.leaderHistory?.timeline
        if holder == member.observation.me.incarnation {
            guard let running = member.running, !running.inRecovery, known != running.timeline,
                let disk = member.disk
            else { return }
            member.isFetchingHistory = true
            schedule(
                .messages(member.index, .historyFetched(wal.history(of: disk.place.branch))), for: member.index,
                after: random.between(.milliseconds(2, 20)))
            return
        }
        guard let peer = member.observation.peers[holder.name]?.status, peer.role == .primary,
            peer.term == record.term, let timeline = peer.timeline, known != timeline,
            let source = index(of: holder.name)
        else { return }
        member.isFetchingHistory = true
        var history: TimelineHistory?
        var delay = Int64(3).seconds
        if let server = members[source].server, server.phase == .up, !server.isFrozen,
            network.connects(member.index, source), let disk = members[source].disk
        {
            delay = random.between(.milliseconds(5, 50))
            let found = wal.history(of: disk.place.branch)
            if found.timeline == timeline { history = found }
        }
        schedule(.messages(member.index, .historyFetched(history)), for: member.index, after: delay)
    }
}
