import ClusterModel

/// How rules ask for effects: one at a time, paced, never in a storm.
extension Decider {
    mutating func give(_ effect: Effect) { decision.effects.append(effect) }

    /// At most one operation at a time: a rule that wants another waits for the present one to end.
    /// - Returns: whether it begins now.
    @discardableResult
    mutating func operate(_ next: Operation) -> Bool {
        guard operation == nil, !decision.effects.contains(where: { $0.isWork }) else { return false }
        if let failure = observation.failure, failure.operation == next {
            let retryAt = failure.at + backOff(failure.count)
            guard now >= retryAt else {
                decision.problem = decision.problem ?? failure.reason
                wake(at: retryAt)
                return false
            }
        }
        give(.operate(next))
        return true
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

    /// Asks for fresh reports, but nobody again before `pause` has passed: every answer leads to a decision, which would
    /// ask again at once.
    mutating func ask(_ names: [MemberName], pause: Duration) {
        var due: [MemberName] = []
        for name in names {
            if let last = memory.asked[name], now < last + pause {
                wake(at: last + pause)
            } else {
                memory.asked[name] = now
                due.append(name)
                wake(at: now + pause)
            }
        }
        if !due.isEmpty { give(.ask(due)) }
    }

    /// A moment that has passed already was judged by this call.
    mutating func wake(at moment: Instant) {
        if moment > now, moment < decision.wakeAt { decision.wakeAt = moment }
    }

    /// A new stamp: incarnation and count, so that no two renewals of any two members are alike.
    mutating func stamp(_ record: inout ClusterRecord) {
        memory.renewals += 1
        record.renewal = "\(me.incarnation.bootID).\(memory.renewals)"
        record.durationMilliseconds = settings.duration.milliseconds
        record.members[me.name] = me
    }
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
