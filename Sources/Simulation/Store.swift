import ClusterModel
import Leadership

/// The lease store itself.
struct Store {
    var record: ClusterRecord?
    /// Never goes back, whatever the record does: a restored store has other versions.
    var version = 0
    /// Outages that are under way: calls are refused.
    var down = 0
    /// Calls are kept and answered when the last pause ends.
    var paused = 0
    var kept: [LeaseCall] = []
    /// For a rollback.
    var history: [ClusterRecord] = []

    mutating func set(_ next: ClusterRecord?) {
        if let record {
            if history.count >= 64 { history.removeFirst(32) }
            history.append(record)
        }
        record = next
        version += 1
    }
}

extension World {
    /// The lease thread takes its next job: one at a time.
    func pumpLease(_ member: SimulatedMember) {
        guard member.leaseCall == nil, !member.leaseQueue.isEmpty, !member.isFrozen else { return }
        let write = member.leaseQueue.removeFirst()
        let call = LeaseCall(member: member.index, run: member.run, write: write, sentAt: member.clock(now))
        member.leaseCall = call
        let index = member.index
        schedule(.leaseTimesOut(call), for: index, after: settings.storeTimeout)
        if store.down > 0 {
            // Refused at once, or never answered.
            if random.chance(50) {
                call.result = .unavailable
                schedule(.leaseAnswers(call), for: index, after: random.between(storeDelay))
            }
            return
        }
        guard network.storeRequests[index] == 0 else { return }
        schedule(.leaseReaches(call), after: delay(to: write != nil))
    }

    private var storeDelay: Span { weather.slowStore > 0 ? .milliseconds(1, 2500) : .milliseconds(1, 12) }

    /// A store whose disk is slow still answers reads from memory.
    private func delay(to write: Bool) -> Int64 {
        let delay = random.between(storeDelay)
        return write && weather.slowStoreWrites > 0 ? delay + random.between(.milliseconds(100, 3000)) : delay
    }

    func leaseReaches(_ call: LeaseCall) {
        if store.paused > 0 { return store.kept.append(call) }
        if store.down > 0 { return }
        if let write = call.write {
            let current = String(store.version)
            switch write {
            case .create(let next) where store.record == nil: call.result = apply(next, call)
            case .replace(let next, let expected) where store.record != nil && expected == current:
                call.result = apply(next, call)
            default: call.result = .conflict
            }
        } else {
            call.result = .read(store.record, version: store.version)
        }
        guard network.storeAnswers[call.member] == 0 else { return }
        if weather.lostReplies > 0, random.chance(30) { return }
        schedule(.leaseAnswers(call), for: call.member, after: random.between(storeDelay))
    }

    private func apply(_ next: ClusterRecord, _ call: LeaseCall) -> LeaseCall.Result {
        judge(store.record, next, by: call.member)
        store.set(next)
        announceChange(except: call.member)
        return .written(version: store.version)
    }

    /// The watch; its events may be lost.
    func announceChange(except writer: Int?) {
        for other in members where other.alive && other.index != writer {
            guard network.storeAnswers[other.index] == 0, store.down == 0 else { continue }
            if weather.watchGaps > 0, random.chance(70) { continue }
            schedule(.messages(other.index, .storeChanged), for: other.index, after: random.between(storeDelay))
        }
    }

    func leaseAnswers(_ call: LeaseCall, timedOut: Bool) {
        let member = members[call.member]
        guard member.leaseCall === call, !call.isOver else { return }
        if member.isFrozen {
            // Both stay in the kernel until it is thawed; a real answer is preferred.
            if !timedOut { member.mailbox.append(.leaseAnswered(call)) }
            if timedOut { schedule(.leaseTimesOut(call), for: call.member, after: Int64(100).milliseconds) }
            return
        }
        if timedOut {
            let late = LeaseCall(member: call.member, run: call.run, write: call.write, sentAt: call.sentAt)
            late.result = .unavailable
            finishLease(member, late)
        } else {
            finishLease(member, call)
        }
        call.isOver = true
        evaluate(member)
    }

    func finishLease(_ member: SimulatedMember, _ call: LeaseCall) {
        member.leaseCall = nil
        if call.write != nil {
            storeWritten(member, call)
        } else {
            storeRead(member, call)
        }
        pumpLease(member)
    }
}
