import ClusterModel
import Leadership

/// What can go wrong. Those with an end last from seconds to minutes and may overlap.
package enum FaultKind: String, CaseIterable, Sendable, Hashable {
    // Processes.
    case podCrash, podReplaced, podTerminated, postgresKilled, managerFrozen, postgresFrozen, podFrozen
    case frozenBetween, twoPodsCrash, allPodsCrash, quickRestart, guardKilled
    // Network.
    case memberIsolated, linkCut, linkCutOneWay, storeCut, storeRequestsCut, storeAnswersCut, podCutOff
    case messageLoss, messageDelay
    // Store.
    case storeDown, storePaused, storeSlow, storeWritesSlow, repliesLost, watchGaps, storeRollback, storeBackToRelease,
        recordDeleted
    // Slowness.
    case slowDisk, hungDisk, slowPromotion, slowShutdown, slowDetach, slowStart, replicationLag, failingTools
    case wallClockJump, dataLost
    // People.
    case switchover, switchoverForced, switchoverScheduled, pause, fence, reclone, rollingRestart, removal
    /// One that was removed, or was never there, comes (back).
    case joining

    /// What takes away copies of data, or the record, by force: beyond what a cluster can promise to survive without
    /// loss. Progress and the other invariants hold all the same.
    package static let destructive: Set<FaultKind> = [
        .dataLost, .storeRollback, .storeBackToRelease, .recordDeleted, .switchoverForced,
    ]
}

/// A fault that is under way.
struct Fault {
    var kind: FaultKind
    var member: Int
    var other: Int
}

extension World {
    /// Draws one fault by weight.
    func inject() {
        guard !isCalm else { return }
        if let provocation = settings.provocation { return provoke(provocation) }
        schedule(.injects, after: random.between(Int64(200).milliseconds, settings.faultGap))
        var total = 0
        for kind in FaultKind.allCases { total += settings.faults[kind] ?? 0 }
        var pick = random.below(total)
        for kind in FaultKind.allCases {
            pick -= settings.faults[kind] ?? 0
            if pick < 0 {
                let member =
                    random.chance(60) ? primaryIndex ?? random.below(members.count) : random.below(members.count)
                return begin(kind, member: member, lasting: duration(of: kind))
            }
        }
    }

    private var primaryIndex: Int? { members.firstIndex { $0.server?.isOpen == true } }

    private func duration(of kind: FaultKind) -> Int64 {
        let long: Bool
        switch kind {
        case .pause, .storeDown, .podCutOff, .storeCut, .managerFrozen, .postgresFrozen, .podFrozen, .memberIsolated:
            long = random.chance(20)
        default: long = false
        }
        let seconds = long ? Span.milliseconds(15_000, 100_000) : .milliseconds(100, 12_000)
        return random.between(seconds)
    }

    /// - lasting: nanoseconds; of those that have an end.
    func begin(_ kind: FaultKind, member index: Int, other given: Int? = nil, lasting: Int64) {
        counts.faults[kind, default: 0] += 1
        let member = members[index]
        let other = given ?? (index + 1 + random.below(max(1, members.count - 1))) % members.count
        note("--- \(kind.rawValue) at pg-\(index + 1)")
        switch kind {
        case .podCrash: crashAndReturn(member)
        case .podReplaced:
            crashAndReturn(member)
            member.podUID += 1
            member.clockBase += random.between(1, 5000) * 1_000_000_000
        case .podTerminated:
            if member.alive { receive(member, .terminated) }
        case .quickRestart:
            crash(member, "its container ends")
            schedule(.starts(index), after: random.between(.milliseconds(30, 500)))
        case .guardKilled: killGuard(member)
        case .twoPodsCrash:
            crashAndReturn(member)
            crashAndReturn(members[other])
        case .allPodsCrash: for member in members { crashAndReturn(member) }
        case .postgresKilled: if member.server != nil { serverEnds(member, clean: false) }
        case .frozenBetween:
            member.freezesAtNextDecision = member.alive && !member.isFrozen && !member.isGuardDead
            lasts(kind, index, other, lasting)
        case .managerFrozen, .podFrozen, .postgresFrozen:
            freeze(kind, member)
            lasts(kind, index, other, lasting)
        case .storeRollback, .storeBackToRelease, .recordDeleted: rollBack(kind)
        case .wallClockJump: member.wallOffset = random.between(-7_200_000, 7_200_000)
        case .dataLost:
            // Of one that is not needed: who loses every copy loses the cluster.
            guard isHealthy, member.server?.inRecovery == true else { return }
            crashAndReturn(member)
            member.disk = nil
            member.podUID += 1
        case .joining:
            guard let newcomer = random.element(members.filter(\.removed)) else { return }
            newcomer.removed = false
            start(newcomer)
        case .switchover, .switchoverForced, .switchoverScheduled, .pause, .fence, .reclone, .rollingRestart, .removal:
            ask(kind, index, other, lasting, named: given)
        default:
            change(kind, index, other, by: 1)
            lasts(kind, index, other, lasting)
        }
    }

    private func lasts(_ kind: FaultKind, _ member: Int, _ other: Int, _ lasting: Int64) {
        faults.append(Fault(kind: kind, member: member, other: other))
        schedule(.faultEnds(faults.count - 1), after: lasting)
    }

    func end(fault number: Int) {
        guard number < faults.count, let fault = faults[number] else { return }
        faults[number] = nil
        note("--- end of \(fault.kind.rawValue) at pg-\(fault.member + 1)")
        let member = members[fault.member]
        switch fault.kind {
        case .frozenBetween:
            member.freezesAtNextDecision = false
            if !member.isPodFrozen { thaw(member) }
        case .managerFrozen: if !member.isPodFrozen { thaw(member) }
        case .postgresFrozen: if !member.isPodFrozen { setFrozen(member, postgres: false) }
        case .podFrozen: thawPod(member)
        default: change(fault.kind, fault.member, fault.other, by: -1)
        }
    }

    private func change(_ kind: FaultKind, _ member: Int, _ other: Int, by change: Int) {
        switch kind {
        case .memberIsolated: network.isolate(member, by: change)
        case .linkCut:
            network.cut(member, other, by: change)
            network.cut(other, member, by: change)
        case .linkCutOneWay: network.cut(member, other, by: change)
        case .storeCut:
            network.cutStoreRequests(member, by: change)
            network.cutStoreAnswers(member, by: change)
        case .storeRequestsCut: network.cutStoreRequests(member, by: change)
        case .storeAnswersCut: network.cutStoreAnswers(member, by: change)
        case .podCutOff:
            network.isolate(member, by: change)
            network.cutStoreRequests(member, by: change)
            network.cutStoreAnswers(member, by: change)
        case .messageLoss: weather.messageLoss += change
        case .messageDelay: weather.messageDelay += change
        case .storeDown: store.down += change
        case .storePaused:
            store.paused += change
            if store.paused == 0 { resumeStore() }
        case .storeSlow: weather.slowStore += change
        case .storeWritesSlow: weather.slowStoreWrites += change
        case .repliesLost: weather.lostReplies += change
        case .watchGaps: weather.watchGaps += change
        case .slowDisk: weather.slowDisk += change
        case .slowPromotion: weather.slowPromotion += change
        case .slowShutdown: weather.slowShutdown += change
        case .slowDetach: weather.slowDetach += change
        case .slowStart: weather.slowStart += change
        case .replicationLag: weather.replicationLag += change
        case .failingTools: weather.failingTools += change
        case .hungDisk:
            members[member].diskHangs += change
            members[member].observation.local.disk =
                members[member].diskHangs > 0 ? .hung(since: members[member].clock(now)) : .fine
        default: break
        }
    }

    private func resumeStore() {
        let kept = store.kept
        store.kept = []
        for call in kept { schedule(.leaseReaches(call), after: random.between(.milliseconds(0, 1500))) }
    }

    private func crashAndReturn(_ member: SimulatedMember) {
        crash(member, "crash")
        if random.chance(15) { member.podUID += 1 }
        let delay = random.chance(20) ? Span.milliseconds(20_000, 90_000) : .milliseconds(100, 12_000)
        schedule(.starts(member.index), after: random.between(delay))
    }

    private func freeze(_ kind: FaultKind, _ member: SimulatedMember) {
        // PID 1 that hangs while its guard is dead is more than a member survives (docs/simulation.md).
        guard member.alive, !member.isGuardDead else { return }
        if kind != .postgresFrozen { member.isFrozen = true }
        if kind != .managerFrozen { setFrozen(member, postgres: true) }
        if kind == .podFrozen { member.isPodFrozen = true }
    }

    /// The guard is the first to run: it looks at its deadline before anything else is done.
    func thawPod(_ member: SimulatedMember) {
        guard member.alive, member.isPodFrozen else { return }
        member.isPodFrozen = false
        if let deadline = member.guardDeadline, member.clock(now) >= deadline, member.server != nil {
            note(member.index, "the guard kills postgres")
            counts.guardKills += 1
            serverEnds(member, clean: false)
        }
        setFrozen(member, postgres: false)
        thaw(member)
        feedGuardAgain(member)
    }

    /// Only while PID 1 runs and can start another.
    private func killGuard(_ member: SimulatedMember) {
        guard member.alive, !member.isFrozen, !member.freezesAtNextDecision, !member.isGuardDead else { return }
        member.isGuardDead = true
        member.guardDeadline = nil
        schedule(
            .messages(member.index, .guardEnded), for: member.index, after: random.between(.milliseconds(0, 10)))
    }

    private func feedGuardAgain(_ member: SimulatedMember) {
        guard member.guardDeadline != nil, member.guardEventAt < 0 else { return }
        guardFires(member)
    }

    private func rollBack(_ kind: FaultKind) {
        guard let present = store.record else { return }
        if kind == .recordDeleted {
            isTainted = true
            store.set(nil)
        } else if let old = random.element(
            kind == .storeRollback ? store.history : store.history.filter { $0.holder == nil })
        {
            if old.term != present.term || old.timeline != present.timeline || old.synchronous != present.synchronous
                || old.members.keys != present.members.keys
            {
                isTainted = true
            }
            store.set(old)
        }
        note("the record is now \(store.record.map { "of term \($0.term), renewal \($0.renewal)" } ?? "gone")")
        announceChange(except: nil)
    }

    /// No more faults: everything that was broken is mended, everybody who is down comes back.
    func heal() {
        note("--- the faults cease")
        isCalm = true
        for number in faults.indices { end(fault: number) }
        for member in members {
            member.freezesAtNextDecision = false
            member.isPodFrozen = false
            setFrozen(member, postgres: false)
            thaw(member)
            if !member.alive { schedule(.starts(member.index), after: random.between(.milliseconds(10, 2000))) }
        }
        schedule(.operates(OperatorCall(.pause(false))), after: Int64(2).seconds)
        for member in members {
            schedule(.operates(OperatorCall(.fence(member.index, false))), after: Int64(3).seconds)
        }
    }
}
