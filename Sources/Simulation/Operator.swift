import ClusterModel
import Leadership

/// People, who ask at bad moments. What they ask for is written through some member, as its API does it.
extension World {
    func ask(_ kind: FaultKind, _ member: Int, _ other: Int, _ lasting: Int64, named: Int? = nil) {
        let change: OperatorCall.Change
        var end: OperatorCall.Change?
        switch kind {
        case .switchover:
            change = .switchover(
                to: named ?? (random.chance(60) ? random.below(members.count) : nil), force: false,
                afterMilliseconds: nil)
        case .switchoverForced:
            change = .switchover(to: random.below(members.count), force: true, afterMilliseconds: nil)
        case .switchoverScheduled:
            change = .switchover(
                to: nil, force: false, afterMilliseconds: Int64(random.below(20_000)))
        case .pause:
            change = .pause(true)
            end = .pause(false)
        case .fence:
            change = .fence(member, true)
            end = .fence(member, false)
        case .reclone: change = .reclone(other)
        case .rollingRestart:
            for member in members where random.chance(70) { member.pendingRestart = true }
            change = .restart(onlyIfPending: random.chance(50))
        default: change = .remove(other)
        }
        schedule(.operates(OperatorCall(change)), after: random.between(.milliseconds(0, 50)))
        if let end { schedule(.operates(OperatorCall(end)), after: lasting) }
    }

    func operate(_ call: OperatorCall) {
        call.attempts += 1
        if case .remove(let index) = call.change {
            // As the API refuses it: a member that leads, and any while nobody does.
            // As the API refuses it: a member that leads, and any while nobody does. Enough stay for what is configured.
            let rest = members.count { other in
                !other.removed && other.index != index && (settings.traits[other.index]?.mayBeSynchronous ?? true)
            }
            let isAllowed = isHealthy && rest > settings.required && members[index].server?.isOpen != true
            guard members[index].removed || isAllowed else { return }
            // Scaled down first; its entry is taken out when the pod is gone for good.
            if !members[index].removed {
                crash(members[index], "scaled down")
                members[index].removed = true
            }
        }
        let able = members.filter {
            $0.alive && !$0.isFrozen && $0.observation.store.record != nil && !$0.observation.store.writeInFlight
                && $0.leaseQueue.count < 8
        }
        guard let member = random.element(able), var next = member.observation.store.record,
            let version = member.observation.store.version
        else { return again(call) }
        guard apply(call.change, &next) else {
            // Some member may have read an older record: what ends the faults is looked at again.
            return isCalm && call.attempts < 40 ? again(call) : ()
        }
        note(member.index, "writes what an operator asked for: \(call.change)")
        member.leaseQueue.append(.some(.replace(next, at: version)))
        member.observation.store.writeInFlight = true
        pumpLease(member)
        // Looked at again: written, or lost to a conflict.
        again(call)
    }

    private func again(_ call: OperatorCall) {
        let patience = isCalm ? 200 : 10
        guard call.attempts < patience else { return }
        schedule(.operates(call), after: random.between(.milliseconds(100, 900)))
    }

    /// - Returns: whether the record has to be changed.
    private func apply(_ change: OperatorCall.Change, _ record: inout ClusterRecord) -> Bool {
        let before = record
        switch change {
        case .switchover(let to, let force, let after):
            guard let holder = record.holder?.name, record.intent.switchover == nil, !isCalm else { return false }
            let target = to.map { members[$0].name }
            if let target, target == holder || record.members[target] == nil { return false }
            switchovers += 1
            if switchovers > 4, random.chance(70) { return false }
            if force, forcedUntil < now + Int64(70).seconds { forcedUntil = now + Int64(70).seconds }
            record.intent.switchover = SwitchoverRequest(
                id: "switchover-\(record.term)-\(switchovers)", from: holder, to: target, deadlineMilliseconds: 60_000,
                notBefore: after.map { 1_700_000_000_000 + now / 1_000_000 + $0 }, force: force)
        case .pause(let paused):
            guard !paused || !isCalm else { return false }
            record.intent.paused = paused
        case .fence(let index, let fenced):
            guard !fenced || !isCalm else { return false }
            record.intent.fenced.removeAll { $0 == members[index].name }
            if fenced { record.intent.fenced = (record.intent.fenced + [members[index].name]).sorted() }
        case .reclone(let index):
            guard record.members[members[index].name] != nil, record.intent.reclone[members[index].name] == nil,
                record.holder?.name != members[index].name, !isCalm
            else { return false }
            record.intent.reclone[members[index].name] = RecloneRequest(id: "reclone-\(now)")
        case .restart(let onlyIfPending):
            guard record.intent.restart == nil, !isCalm else { return false }
            record.intent.restart = RestartRequest(
                id: "restart-\(now)", remaining: Array(record.members.keys), onlyIfPending: onlyIfPending)
        case .remove(let index):
            guard members[index].removed, let holder = record.holder?.name, holder != members[index].name,
                record.primary != members[index].name
            else { return false }
            record.members[members[index].name] = nil
            record.electorate.removeAll { $0 == members[index].name }
            record.intent.fenced.removeAll { $0 == members[index].name }
            record.intent.reclone[members[index].name] = nil
        }
        return record != before
    }
}
