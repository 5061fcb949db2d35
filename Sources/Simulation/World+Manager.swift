import ClusterModel
import Leadership

/// PID 1's loop: what is due, what reached it, what is decided. It behaves as `SupervisionLoop` does.
extension World {
    func start(_ member: SimulatedMember) {
        guard !member.alive, !member.removed else { return }
        member.alive = true
        member.run += 1
        member.isFrozen = false
        member.isPodFrozen = false
        member.freezesAtNextDecision = false
        member.mailbox = []
        member.stalled = []
        // Every other run finds the journal of promises of the one before; its clock goes on.
        let promise = member.memory.promise
        let knownSince = member.observation.promisesKnownSince
        let findsJournal = member.run % 2 == 0
        member.memory = Memory()
        if findsJournal { member.memory.promise = promise }
        member.decision = Decision(wakeAt: member.clock(now))
        member.uncertain = nil
        member.leaseQueue = []
        member.leaseCall = nil
        member.readQueued = false
        member.isProbing = false
        member.answered = false
        member.stopMode = nil
        member.isSettling = false
        member.isFetchingHistory = false
        member.wantedSetting = nil
        member.wantedAdmission = nil
        member.exiting = nil
        member.guardDeadline = nil
        member.guardEventAt = -1
        member.isGuardDead = false
        member.timerAt = -1
        member.operationNumber += 1
        let local = member.clock(now)
        let incarnation = Incarnation(
            name: member.name, podUID: "uid-\(member.podUID)", bootID: "\(member.index + 1).\(member.run)")
        var observation = Observation(
            me: Member(
                name: member.name, incarnation: incarnation, api: "", postgresHost: "", postgresPort: 0),
            cluster: "sim", settings: member.observation.settings, bootedAt: local)
        if findsJournal { observation.promisesKnownSince = knownSince }
        observation.me.traits = member.observation.me.traits
        member.observation = observation
        member.nextReadAt = local
        member.nextPeersAt = local
        member.nextProbeAt = local
        note(member.index, "PID 1 starts")
        inspect(member)
        evaluate(member)
    }

    /// One round of the loop.
    func evaluate(_ member: SimulatedMember) {
        guard member.alive, !member.isFrozen else { return }
        let local = member.clock(now)
        tick(member, local)
        for _ in 0..<8 {
            counts.decisions += 1
            member.observation.wallClock = 1_700_000_000_000 + now / 1_000_000 + member.wallOffset
            // Moved there and back: what it remembers is large.
            var memory = Memory()
            swap(&memory, &member.memory)
            let (decision, remembered) = Leadership.decide(
                member.observation, memory, now: local, without: settings.without)
            member.memory = remembered
            member.decision = decision
            if member.freezesAtNextDecision {
                member.freezesAtNextDecision = false
                member.isFrozen = true
                member.stalled = decision.effects
                note(member.index, "PID 1 freezes between its decision and its effects")
                return
            }
            feedGuard(member)
            checkConsented(member)
            var changed = false
            for effect in decision.effects { changed = carryOut(effect, member) || changed }
            guard member.alive, !member.isFrozen else { return }
            if !changed { break }
        }
        setTimer(member)
    }

    func setTimer(_ member: SimulatedMember) {
        var next = min(member.decision.wakeAt, min(member.nextReadAt, member.nextPeersAt))
        if member.server != nil, !member.isProbing, member.stopMode == nil { next = min(next, member.nextProbeAt) }
        let at = max(member.time(next), now + 10_000)
        if member.timerAt <= now || at < member.timerAt {
            member.timerAt = at
            schedule(.timer(member.index), for: member.index, after: at - now)
        }
    }

    private func tick(_ member: SimulatedMember, _ local: Instant) {
        let period = member.observation.settings.renewEvery
        if local >= member.nextReadAt { readStore(member, local) }
        if member.server != nil, !member.isProbing, member.stopMode == nil {
            let soon = local + .nanoseconds(period.nanoseconds / 5)
            if local >= member.nextProbeAt || (soon >= member.nextProbeAt && local >= member.nextPeersAt) {
                look(member, local)
            }
        }
        if local >= member.nextPeersAt {
            member.nextPeersAt = local + period * 2
            for other in members where other !== member { ask(member, other.name, nil) }
        }
        fetchHistoryIfNeeded(member)
    }

    /// An idle manager wakes up once in a period, and not once for each of its duties.
    func readStore(_ member: SimulatedMember, _ local: Instant) {
        member.nextReadAt = local + member.observation.settings.renewEvery * 2
        guard !member.readQueued, member.leaseQueue.count < 8 else { return }
        member.readQueued = true
        member.leaseQueue.append(nil)
        pumpLease(member)
    }

    func receive(_ member: SimulatedMember, _ message: Inbound) {
        guard member.alive else { return }
        if member.isFrozen {
            // What others send comes again by itself and need not be kept without bound.
            if message.isFromOutside, member.mailbox.count > 64 { return }
            return member.mailbox.append(message)
        }
        if handle(message, member) { evaluate(member) }
    }

    /// - Returns: whether there is anything new to decide about.
    private func handle(_ message: Inbound, _ member: SimulatedMember) -> Bool {
        switch message {
        case .leaseAnswered(let call): finishLease(member, call)
        case .storeChanged:
            readStore(member, member.clock(now))
            return false
        case .probed(let server, let result): probed(member, server, result)
        case .postmasterEnded(let server, let asked): postmasterEnded(member, server, asked: asked)
        case .inspected(let number): inspected(member, number)
        case .peerAnswered(let box):
            let before = member.observation.peers[box.name]
            // Answers may come in another order than they were asked for.
            if let before, before.receivedAt > box.report.receivedAt, random.chance(50) { return false }
            member.observation.peers[box.name] = box.report
        case .peerAsked(let call): answer(member, call)
        case .consented(let name, let consent): member.observation.consents[name] = consent
        case .historyFetched(let history):
            member.isFetchingHistory = false
            guard let history else { return false }
            member.observation.leaderHistory = history
        case .guardEnded:
            // Another one, at most one every 100 ms.
            schedule(.guardStarts(member.index), for: member.index, after: random.between(.milliseconds(2, 110)))
            return false
        case .terminated:
            member.observation.shutdownRequests += 1
            note(member.index, "is asked to stop")
        }
        return true
    }

    func thaw(_ member: SimulatedMember) {
        guard member.alive, member.isFrozen else { return }
        member.isFrozen = false
        let effects = member.stalled
        member.stalled = []
        note(member.index, "PID 1 goes on")
        for effect in effects { _ = carryOut(effect, member) }
        guard member.alive else { return }
        let messages = member.mailbox
        member.mailbox = []
        for message in messages { _ = handle(message, member) }
        pumpLease(member)
        member.timerAt = -1
        evaluate(member)
    }

    // MARK: Effects

    private func carryOut(_ effect: Effect, _ member: SimulatedMember) -> Bool {
        count(effect, member)
        switch effect {
        case .write(let write):
            guard member.leaseQueue.count < 8 else { return false }
            member.leaseQueue.append(.some(write))
            member.observation.store.writeInFlight = true
            pumpLease(member)
        case .operate(let operation):
            begin(operation, member)
            return member.observation.operation == nil
        case .fence(let reason):
            if member.stopMode != .fence, member.server != nil {
                note(member.index, "fences itself: \(reason)")
                counts.fences += 1
            }
            fence(member)
            return true
        case .ask(let names):
            for name in names.sorted() where name != member.name { ask(member, name, nil) }
        case .request(let request, let names):
            for name in names.sorted() where name != member.name { ask(member, name, request) }
        case .synchronize(let setting):
            member.wantedSetting = setting
            changeSetting(member)
        case .admitClients(let admits):
            member.wantedAdmission = admits
            changeSetting(member)
        case .report(let transition):
            note(
                member.index,
                "transition \(transition.kind.rawValue) to \(transition.to?.rawValue ?? "nobody"), term "
                    + "\(transition.term), \(transition.succeeded ? "done" : "failed"): \(transition.reason)")
        case .exit(let code, let reason):
            note(member.index, "exits with \(code): \(reason)")
            if code != 0 {
                anotherCluster("pg-\(member.index + 1) gives up for good with exit code \(code): \(reason)")
            }
            exit(member)
        }
        return false
    }

    private func exit(_ member: SimulatedMember) {
        if member.server != nil { serverEnds(member, clean: false) }
        crash(member, "PID 1 has ended")
        if !isCalm {
            schedule(.starts(member.index), after: random.between(Int64(1).seconds, Int64(20).seconds))
        } else {
            schedule(.starts(member.index), after: Int64(1).seconds)
        }
    }

    /// A decision that is made again and again would storm the store, the network or the log.
    private func count(_ effect: Effect, _ member: SimulatedMember) {
        if now - member.effectsSince > Int64(1).seconds {
            member.effectsSince = now
            member.effects = 0
        }
        member.effects += 1
        if member.effects > 250 {
            violate("pg-\(member.index + 1) had more than 250 effects within a second, the last: \(effect)")
        }
    }

    /// The guard holds a deadline whenever the server could acknowledge a write.
    func feedGuard(_ member: SimulatedMember) {
        let operation = member.observation.operation
        let opens = operation == .start(.primary) || operation?.isPromotion == true
        let mayWrite = member.observation.local.mayWrite
        guard mayWrite || opens, member.server != nil || opens, !member.isGuardDead else {
            return member.guardDeadline = nil
        }
        let deadline = member.decision.writableUntil ?? member.clock(now)
        member.guardDeadline = deadline
        let at = max(now, member.time(deadline))
        if member.guardEventAt < now || at < member.guardEventAt {
            member.guardEventAt = at
            schedule(.guardFires(member.index), for: member.index, after: at - now)
        }
    }

    func guardFires(_ member: SimulatedMember) {
        member.guardEventAt = -1
        guard !member.isPodFrozen, let deadline = member.guardDeadline else { return }
        guard member.clock(now) >= deadline else {
            member.guardEventAt = member.time(deadline)
            return schedule(.guardFires(member.index), for: member.index, after: member.guardEventAt - now)
        }
        // It looks again until nothing is left, so it also meets what is spawned late.
        if member.server != nil {
            note(member.index, "the guard kills postgres")
            counts.guardKills += 1
            serverEnds(member, clean: false)
        }
        if member.isFrozen || member.observation.operation != nil {
            member.guardEventAt = now + Int64(5).milliseconds
            schedule(.guardFires(member.index), for: member.index, after: Int64(5).milliseconds)
        }
    }
}
