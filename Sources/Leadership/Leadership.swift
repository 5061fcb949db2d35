import ClusterModel

/// The heart: who may write, who follows whom, when to fence. Pure: no input or output, no clock, no thread.
package enum Leadership {
    /// Decides what to do now. Called after every event and at the latest at the `wakeAt` of the decision before.
    ///
    /// - Parameters:
    ///   - observation: what is known at this moment.
    ///   - memory: what the previous call returned; `Memory()` at boot.
    ///   - now: this machine's `CLOCK_BOOTTIME`.
    package static func decide(_ observation: Observation, _ memory: Memory, now: Instant) -> (Decision, Memory) {
        var decider = Decider(observation: observation, memory: memory, now: now)
        decider.run()
        return (decider.decision, decider.memory)
    }
}

/// One evaluation. A struct of one call: the rules are spread over extensions by who they are for.
struct Decider {
    let observation: Observation
    let now: Instant
    var memory: Memory
    var decision: Decision

    init(observation: Observation, memory: Memory, now: Instant) {
        self.observation = observation
        self.memory = memory
        self.now = now
        // Every bound below wakes at its own moment; this is for nothing in particular.
        decision = Decision(wakeAt: now + observation.settings.renewEvery)
    }

    var settings: LeadershipSettings { observation.settings }
    var store: StoreView { observation.store }
    var record: ClusterRecord? { observation.store.record }
    var local: LocalState { observation.local }
    var me: Member { observation.me }
    var operation: Operation? { observation.operation }

    var data: DataState? {
        if case .present(let data) = local.data { data } else { nil }
    }

    var running: LocalState.Running? {
        if case .running(let running) = local.process { running } else { nil }
    }

    /// Whether postgres could acknowledge a write, now or as soon as it has started.
    var mayBeWritable: Bool { local.mayWrite || running?.inRecovery == false }

    mutating func run() {
        absorb()
        if case .refused(let reason) = local.data {
            return give(.exit(code: ExitCode.dataRefused, reason: reason))
        }
        if let refusal = refusal() { return give(.exit(code: ExitCode.dataRefused, reason: refusal)) }

        let lease = lease
        if let lease, now < lease.end {
            decision.writableUntil = lease.writableUntil
            wake(at: lease.end)
        } else if lease != nil || mayBeWritable {
            abandon()
        }
        if observation.shutdownRequests > 0 {
            shutDown()
        } else if decision.writableUntil != nil {
            lead()
        } else {
            memory.givesUp = false
            standBy()
        }
    }

    /// When this incarnation gives up (R) and when the guard has killed postgres (R + K), counted from when the last
    /// renewal that succeeded was sent; nil unless the record says that it leads.
    var lease: (end: Instant, writableUntil: Instant)? {
        guard let held = store.held, let record, record.holder == me.incarnation, record.term == held.term,
            held.term != memory.abandonedTerm
        else { return nil }
        // Challengers wait for the D that the record says. After a reload with longer times that is still the old one,
        // until a renewal has published the new: until then the own times shrink in proportion.
        let share = min(1, max(.zero, record.duration) / settings.duration)
        return (
            held.sentAt + settings.giveUpAfter * share,
            held.sentAt + (settings.giveUpAfter + settings.killWithin) * share
        )
    }

    /// Notes what changed since the last call.
    private mutating func absorb() {
        guard store.hasAnswered else { return }
        guard let record else {
            memory.missingSince = memory.missingSince ?? now
            memory.renewal = nil
            return
        }
        memory.missingSince = nil
        if let result = memory.unpublished, record.lastTransition == result { memory.unpublished = nil }
        let renewal = Memory.Renewal(term: record.term, stamp: record.renewal)
        if renewal != memory.renewal {
            memory.renewal = renewal
            memory.renewalUnchangedSince = now
        }
        memory.freeSince = isFree ? (memory.freeSince ?? now) : nil
    }

    /// Why this data directory cannot belong to this cluster; nil when it can.
    private func refusal() -> String? {
        guard let data, let mine = record?.systemIdentifier, data.systemIdentifier != mine, data.term > 0 else {
            return nil
        }
        return "the data directory has system identifier \(data.systemIdentifier), but cluster "
            + "'\(observation.cluster)' has \(mine): it belongs to another cluster. Nothing in it was touched; "
            + "move it away to let this member be cloned, or correct 'cluster' or 'lease'"
    }

    /// The lease was lost, or never there: whatever could be writable is stopped, and the term is never led again.
    private mutating func abandon() {
        if let held = store.held { memory.abandonedTerm = held.term }
        memory.handover = nil
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

    // MARK: Shared by the rules

    mutating func give(_ effect: Effect) { decision.effects.append(effect) }

    /// At most one operation at a time: a rule that wants another waits for the present one to end.
    mutating func operate(_ next: Operation) {
        guard operation == nil, !decision.effects.contains(where: { $0.isWork }) else { return }
        if let failure = observation.failure, failure.operation == next {
            let retryAt = failure.at + backOff(failure.count)
            guard now >= retryAt else {
                decision.problem = decision.problem ?? failure.reason
                return wake(at: retryAt)
            }
        }
        give(.operate(next))
    }

    /// 0.5, 1, 2, … at most 15 seconds.
    private func backOff(_ count: Int) -> Duration {
        min(.milliseconds(250) * (1 << min(count, 8)), .seconds(15))
    }

    /// One write at a time; after a failed one a short pause, so that a broken store is not stormed.
    /// - Returns: whether it is sent now.
    @discardableResult
    mutating func write(_ record: ClusterRecord) -> Bool {
        guard !store.writeInFlight, !decision.effects.contains(where: { $0.isWrite }) else { return false }
        if let failed = store.lastFailedWrite {
            let retryAt = failed + .milliseconds(200)
            guard now >= retryAt else {
                wake(at: retryAt)
                return false
            }
        }
        if let version = store.version {
            give(.write(.replace(record, at: version)))
        } else {
            give(.write(.create(record)))
        }
        return true
    }

    /// Asks for fresh reports, but not again before `pause` has passed: every answer leads to a decision, which would
    /// ask again at once.
    mutating func ask(_ names: [MemberName], pause: Duration) {
        if let last = memory.askedAt, now < last + pause { return wake(at: last + pause) }
        memory.askedAt = now
        give(.ask(names))
        wake(at: now + pause)
    }

    /// A moment that has passed already was judged by this call.
    mutating func wake(at moment: Instant) {
        if moment > now { decision.wakeAt = min(decision.wakeAt, moment) }
    }

    /// A new stamp: incarnation and count, so that no two renewals of any two members are alike.
    mutating func stamp(_ record: inout ClusterRecord) {
        memory.renewals += 1
        record.renewal = "\(me.incarnation.bootID).\(memory.renewals)"
        record.durationMilliseconds = settings.duration.milliseconds
        record.members[me.name] = me
    }
}

/// The exit codes that a decision can lead to (docs/operations.md).
package enum ExitCode {
    /// A requested stop.
    package static let success: Int32 = 0
    /// The data directory is not ours, of another cluster, or of another major version.
    package static let dataRefused: Int32 = 65
}

extension Effect {
    fileprivate var isWrite: Bool { if case .write = self { true } else { false } }
    fileprivate var isWork: Bool {
        switch self {
        case .operate, .fence: true
        default: false
        }
    }
}
