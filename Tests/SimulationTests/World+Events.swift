import ClusterModel

@testable import Leadership

extension World {
    mutating func handle(_ event: Event) {
        switch event {
        case .starts(let index): start(index)
        case .crashes(let index): crash(index)
        case .postgresDies(let index): postgresDies(index)
        case .wake(let index):
            // A decision that wanted to be woken earlier has replaced this one.
            guard members[index].wakeAt == now else { return }
            decide(index)
        case .storeApplies(let index, let write, let sentAt): apply(write, from: index, sentAt: sentAt)
        case .storeReplies(let index, let write, let version, let sentAt):
            reply(write, to: index, version: version, sentAt: sentAt)
        case .reads(let index):
            members[index].observation.store.hasAnswered = true
            members[index].observation.store.record = record
            members[index].observation.store.version = record == nil ? nil : String(version)
            decide(index)
        case .finishes(let index, let work):
            guard members[index].observation.operation == work else { return }
            members[index].observation.operation = nil
            finish(work, index)
            members[index].refreshData()
            decide(index)
        case .reports(let index): exchangeReports(index)
        case .replicates(let index): replicate(index)
        case .guardChecks(let index):
            guard let until = members[index].writableUntil, until <= now, members[index].observation.local.mayWrite
            else { return }
            note(index, "guard kills postgres")
            postgresDies(index)
        }
    }

    mutating func decide(_ index: Int) {
        let (decision, memory) = Leadership.decide(members[index].observation, members[index].memory, now: now)
        members[index].memory = memory
        members[index].writableUntil = decision.writableUntil ?? members[index].writableUntil
        if let until = decision.writableUntil, until > (members[index].guardCheckAt ?? now) {
            members[index].guardCheckAt = until
            schedule(.guardChecks(index), for: index, after: until.since(now))
        }
        if members[index].wakeAt <= now || decision.wakeAt < members[index].wakeAt {
            members[index].wakeAt = decision.wakeAt
            schedule(.wake(index), for: index, after: decision.wakeAt.since(now))
        }
        for effect in decision.effects { carryOut(effect, index) }
    }

    private mutating func carryOut(_ effect: Effect, _ index: Int) {
        switch effect {
        case .write(let write):
            members[index].observation.store.writeInFlight = true
            schedule(
                .storeApplies(index, write, sentAt: now), for: index, after: random.milliseconds(0...30))
        case .operate(let work):
            note(index, "begins \(work)")
            members[index].observation.operation = work
            begin(work, index)
            schedule(.finishes(index, work), for: index, after: duration(of: work))
        case .fence:
            note(index, "fences itself")
            members[index].observation.operation = nil
            stopPostgres(index, clean: false)
            decide(index)
        case .exit(let code, let reason):
            note(index, "exits \(code): \(reason)")
            violations.append("\(members[index].name) exited with \(code): \(reason)")
            crash(index)
        case .ask, .report: break
        }
    }

    private mutating func duration(of work: Operation) -> Duration {
        switch work {
        case .initialize, .clone, .rewind: random.milliseconds(100...3000)
        case .start, .promote: random.milliseconds(20...800)
        case .stop, .checkpoint, .follow, .discard: random.milliseconds(5...300)
        }
    }

    // MARK: Store

    private mutating func apply(_ write: StoreWrite, from index: Int, sentAt: Instant) {
        var answer: String?
        switch write {
        case .create(let next) where record == nil: answer = store(next)
        case .replace(let next, let expected) where record != nil && expected == String(version): answer = store(next)
        default: break
        }
        schedule(
            .storeReplies(index, write, version: answer, sentAt: sentAt), for: index, after: random.milliseconds(0...30)
        )
    }

    private mutating func store(_ next: ClusterRecord) -> String {
        record = next
        version += 1
        for other in members.indices where members[other].alive {
            schedule(.reads(other), for: other, after: random.milliseconds(1...60))
        }
        return String(version)
    }

    private mutating func reply(_ write: StoreWrite, to index: Int, version: String?, sentAt: Instant) {
        members[index].observation.store.writeInFlight = false
        if let version {
            // A newer version may have been read meanwhile.
            if Int(version) ?? 0 >= Int(members[index].observation.store.version ?? "0") ?? 0 {
                members[index].observation.store.record = write.record
                members[index].observation.store.version = version
            }
            members[index].observation.store.lastFailedWrite = nil
            if write.record.holder == members[index].observation.me.incarnation {
                members[index].observation.store.held = StoreView.Held(term: write.record.term, sentAt: sentAt)
            }
        } else {
            members[index].observation.store.lastFailedWrite = now
            schedule(.reads(index), for: index, after: random.milliseconds(1...30))
        }
        decide(index)
    }
}
