import ClusterModel
import Leadership
import Logging
import Management
import Metrics
import Platform

/// What members ask of each other.
extension SupervisionLoop {
    // MARK: Asking

    func askPeers(_ names: [MemberName]) {
        let limit = questionLimit(BootClock.now())
        for name in names where name != observation.me.name {
            if let member = observation.store.record?.members[name] { peers.ask(member, within: limit) }
        }
    }

    func request(_ request: PeerRequest, of names: [MemberName], _ now: Instant) {
        let asked = names.filter { $0 != observation.me.name }.compactMap { observation.store.record?.members[$0] }
        if case .consent(let consent) = request {
            consentRound = ConsentRound(term: consent.term, round: consent.round, asked: asked.map(\.name))
        }
        let limit = questionLimit(now)
        if said.isNew(request) {
            let names = asked.map(\.name.rawValue).joined(separator: ", ")
            log.info("asks other members", metadata: ["request": "\(request.words)", "members": "\(names)"])
        }
        for member in asked { peers.request(request, of: member, within: limit) }
    }

    /// An answer that comes when the lease is over is of no use; and nobody is asked again before a period has passed.
    private func questionLimit(_ now: Instant) -> Duration {
        let period = max(.milliseconds(300), observation.settings.renewEvery)
        guard let end = leaseDeadline else { return min(period, .seconds(1)) }
        return max(.milliseconds(100), min(period, .seconds(1), end.since(now) / 2))
    }

    // MARK: Answers of others

    func peerAnswered(_ name: MemberName, _ status: MemberStatus, at moment: Instant) {
        guard name != observation.me.name else { return namesakes.heard(of: status.incarnation, at: moment) }
        // Two questions may be under way: the younger answer counts.
        if let known = observation.peers[name], known.receivedAt > moment { return }
        observation.peers[name] = PeerReport(status: status, receivedAt: moment)
    }

    func peerReplied(
        _ name: MemberName, _ request: PeerRequest, _ result: Result<PeerAnswer, PeerFailure>, _ now: Instant
    ) {
        let granted: Bool
        switch result {
        case .success(let answer):
            granted = answer.granted
            if said.isNew(request, of: name, granted ? "" : answer.reason) {
                log.info(
                    granted ? "a member grants" : "a member refuses",
                    metadata: ["member": "\(name)", "request": "\(request.words)", "reason": "\(answer.reason)"])
            }
        case .failure(let failure):
            granted = false
            let metadata: Logger.Metadata = ["member": "\(name)", "reason": "\(failure.reason)"]
            if failure.isRefusal, said.isNew(request, of: name, failure.reason) {
                log.warning("a member does not answer questions", metadata: metadata)
            } else {
                log.debug("a member does not answer", metadata: metadata)
            }
        }
        switch request {
        case .consent(let consent):
            if granted, case .success(let answer) = result {
                observation.consents[name] = Consent(term: consent.term, round: answer.round)
            }
            guard consentRound?.round == consent.round else { return }
            if let all = consentRound?.note(name, granted: granted) {
                metrics.consentRounds.increment(all ? .granted : .refused)
            }
        case .vote:
            // Its report has the vote as soon as its WAL receiver has ended.
            if granted { askPeers([name]) }
        }
    }

    // MARK: Answering

    func answer(_ request: PeerRequest, _ reply: @escaping @Sendable (PeerAnswer?) -> Void) {
        let now = BootClock.now()
        if let rivalry = rivalry(now) { return reply(PeerAnswer(granted: false, reason: rivalry)) }
        observation.wallClock = BootClock.wallClockMilliseconds()
        let (answer, memory) = Leadership.answer(request, observation, memory, now: now)
        // The promise is kept before anybody hears of it.
        self.memory = memory
        evaluate()
        switch request {
        case .consent: metrics.consents.increment(answer.granted ? .granted : .refused)
        case .vote: metrics.votes.increment(answer.granted ? .granted : .refused)
        }
        if said.isNew(request, of: observation.me.name, answer.granted ? "" : answer.reason) {
            log.info(
                "another member asks",
                metadata: [
                    "request": "\(request.words)", "granted": "\(answer.granted)", "reason": "\(answer.reason)",
                ])
        }
        // Nor before a run that follows this one would know of it.
        guard case .consent = request, answer.granted, let promise = memory.promise else { return reply(answer) }
        promises.keep(promise, knownSince: observation.promisesKnownSince) { isKept in
            reply(
                isKept
                    ? answer : PeerAnswer(granted: false, reason: "its disk cannot keep a promise", round: answer.round)
            )
        }
    }

    // MARK: Namesakes

    func askNamesake() {
        guard namesakes.entry != nil, let entry = observation.store.record?.members[observation.me.name] else { return }
        peers.ask(entry, within: questionLimit(BootClock.now()))
    }

    /// Why this member keeps out of it; nil when nobody else has its name. Whoever leads is the member of that name.
    func rivalry(_ now: Instant) -> String? {
        guard let rival = rival(now) else { return nil }
        return "another run has the name '\(rival.name)' in this cluster (pod '\(rival.podUID)', boot "
            + "'\(rival.bootID)'): give this member another name, or stop the other one"
    }

    private func rival(_ now: Instant) -> Incarnation? {
        guard observation.store.record?.holder != observation.me.incarnation else { return nil }
        return namesakes.rival(at: now, patience: observation.settings.duration * 2)
    }

    /// Its postgres would pass for the other one's: to whoever counts standbys by name, and with a slot of that name.
    func keepOutWhileRivalled(_ now: Instant) {
        let rival = rival(now)
        if rival != reportedRival {
            reportedRival = rival
            if let reason = rivalry(now) {
                metrics.nameConflicts.increment()
                log.critical("two members of one name", metadata: ["reason": "\(reason)"])
            } else {
                log.notice("the other run with this member's name is gone")
                beginAnew()
            }
        }
        guard rival != nil, postgres != nil, observation.operation == nil else { return }
        begin(.stop(.orderly), now)
    }

    /// As after a start of PID 1: under another incarnation, with no promise and no lease in mind.
    private func beginAnew() {
        let old = observation.me.incarnation
        observation.me.incarnation = Incarnation(
            name: old.name, podUID: old.podUID, bootID: String(UInt64.random(in: 0...UInt64.max), radix: 36))
        observation.promisesKnownSince = BootClock.now()
        observation.store.held = nil
        observation.consents = [:]
        uncertain = nil
        memory = Memory()
        namesakes = NamesakeWatch()
    }
}
