import ClusterModel
import Configuration
import Leadership
import Logging
import Management
import Metrics
import Platform
import Postgres

/// Deciding, and carrying out what was decided.
extension SupervisionLoop {
    /// Decides until nothing more follows at once.
    func evaluate() {
        for _ in 0..<8 {
            let now = BootClock.now()
            observation.wallClock = BootClock.wallClockMilliseconds()
            let (next, memory) = Leadership.decide(observation, memory, now: now)
            self.memory = memory
            decision = next
            feedGuard()
            var changed = false
            for effect in next.effects { changed = carryOut(effect, now) || changed }
            if !changed { return }
        }
    }

    /// - Returns: whether the observation changed, so that another decision may follow at once.
    private func carryOut(_ effect: Effect, _ now: Instant) -> Bool {
        switch effect {
        case .write(let write):
            guard rivalry(now) == nil, namesakes.waits(at: now) == nil, lease.write(write) else { return false }
            observation.store.writeInFlight = true
        case .operate(let operation):
            guard rivalry(now) == nil || operation.isHarmlessBesideNamesake else { return false }
            begin(operation, now)
            return observation.operation == nil
        case .fence(let reason):
            fence(reason)
            return true
        case .ask(let names): askPeers(names)
        case .request(let question, let names): request(question, of: names, now)
        case .synchronize(let setting):
            opening.synchronous = setting
            writeOpeningSettings()
        case .admitClients(let admits):
            opening.admitsClients = admits
            writeOpeningSettings()
        case .report(let transition): report(transition)
        case .exit(let code, let reason): exit = exit ?? (code, reason)
        }
        return false
    }

    private func report(_ transition: Transition) {
        metrics.transitions.increment(
            MemberMetrics.TransitionLabels(transition.kind, succeeded: transition.succeeded))
        history.note(transition, at: observation.wallClock)
        kubernetes?.report(transition)
        log.notice(
            "transition",
            metadata: [
                "id": "\(transition.id)", "kind": "\(transition.kind.rawValue)",
                "from": "\(transition.from?.rawValue ?? "")", "to": "\(transition.to?.rawValue ?? "")",
                "term": "\(transition.term)", "succeeded": "\(transition.succeeded)",
                "reason": "\(transition.reason)",
            ])
    }

    /// The leader of a follower writes nothing but to its own archive: the end of what it wrote as a primary, or (`always`)
    /// all that it receives.
    private var archivingUntil: Instant? {
        guard decision.leadsStandby,
            observation.store.record?.demotion != nil && archiveStatus?.readyCount ?? 0 > 0
                || loaded.configuration.archive?.always ?? false
        else { return nil }
        return decision.writableUntil
    }

    // MARK: The guard

    /// The guard holds a deadline whenever postgres could acknowledge a write, and knows whom to kill when PID 1 dies.
    func feedGuard() {
        let opens = observation.operation?.opensForWrites ?? false
        let deadline = postgres?.mayWrite == true || opens ? decision.writableUntil ?? BootClock.now() : nil
        let armed = postgres == nil && !opens ? nil : deadline
        let fed = guardian.feed(
            postmaster: postgres?.process ?? 0, deadline: armed, dataDirectory: canonicalDataDirectory)
        if !fed, postgres?.mayWrite == true, guardian.isAlive {
            log.critical("the guard takes no messages")
        }
        let leaves = postgres?.stop?.leavesArchiveAt.map { $0 <= BootClock.now() } ?? false
        workers[.archiver]?.order(
            "lease \((armed ?? archivingUntil)?.nanoseconds ?? 0)" + (leaves ? " leave" : ""))
    }
}

extension Operation {
    /// Postgres may become writable by it.
    var opensForWrites: Bool {
        switch self {
        case .start(.primary), .promote: true
        default: false
        }
    }

    /// What a member may do while another run has its name: nothing that makes it take part.
    var isHarmlessBesideNamesake: Bool {
        switch self {
        case .stop, .detach: true
        default: false
        }
    }
}
