import ClusterModel
import Leadership

/// Operations of PID 1, step by step, with the checks that `SupervisionLoop` makes on the way.
extension World {
    func begin(_ operation: Operation, _ member: SimulatedMember) {
        member.operationNumber += 1
        member.observation.operation = operation
        note(member.index, "begins: \(operation)")
        member.operationTerm = member.observation.store.record?.term ?? 0
        member.openingSetting = member.decision.synchronousAtOpening
        member.openingAdmits = member.decision.admitsClientsAtOpening
        switch operation {
        case .initialize: step(member, .done, .milliseconds(100, 2500), slow: 8)
        case .clone:
            counts.clones += 1
            step(member, .halfway, .milliseconds(50, 1500), slow: 10)
        case .rewind:
            counts.rewinds += 1
            step(member, .halfway, .milliseconds(5, 400), slow: 5)
        case .discard: step(member, .done, .milliseconds(2, 60), slow: 2)
        case .start: step(member, .prepared, .milliseconds(3, 60), slow: 3)
        case .stop(let mode): stop(member, mode)
        case .promote: step(member, .prepared, .milliseconds(2, 40), slow: 3)
        case .follow: step(member, .done, .milliseconds(3, 50), slow: 2)
        case .detach: step(member, .halfway, .milliseconds(3, 60), slow: weather.slowDetach > 0 ? 6 : 0)
        case .checkpoint: step(member, .done, .milliseconds(3, 200), slow: 4)
        }
    }

    /// - slow: seconds that a slow disk may add.
    func step(_ member: SimulatedMember, _ step: OperationStep, _ span: Span, slow: Int64 = 0) {
        var delay = random.between(span)
        if slow > 0, weather.slowDisk > 0 || weather.slowDetach > 0 { delay += random.between(0, slow.seconds) }
        schedule(
            .step(member.index, operation: member.operationNumber, step), for: member.index, after: delay)
    }

    func stepped(_ member: SimulatedMember, _ number: Int, _ step: OperationStep) {
        guard number == member.operationNumber, let operation = member.observation.operation, !member.isSettling
        else { return }
        if member.isFrozen {
            // The work of other threads and programs reports back when PID 1 goes on.
            return schedule(
                .step(member.index, operation: number, step), for: member.index, after: Int64(50).milliseconds)
        }
        if case .failed(let reason) = step {
            end(member, reason)
            return evaluate(member)
        }
        switch (operation, step) {
        case (.initialize, _): initialized(member)
        case (.clone(let source), .halfway): cloneHalfway(member, source)
        case (.clone(let source), _): cloned(member, source)
        case (.rewind(let source), .halfway): rewindBegun(member, source)
        case (.rewind(let source), _): rewound(member, source)
        case (.discard, _):
            guard member.disk?.term == 0 else { return end(member, "the directory was opened before") }
            member.disk = nil
            end(member, nil)
        case (.start(let mode), _): spawn(member, mode)
        case (.promote(let timeline), .prepared): requestPromotion(member, timeline.rawValue)
        case (.promote, _): member.nextProbeAt = member.clock(now)
        case (.follow(let name), _): followed(member, name)
        case (.detach, .halfway):
            // The server ends its receiver when it has read its configuration.
            member.observation.local.upstream = nil
            deliver(.serverReloads(member.index, server: member.serverCount, upstream: -1), to: member)
            self.step(member, .done, .milliseconds(5, 150), slow: weather.slowDetach > 0 ? 4 : 0)
        case (.detach, _): detached(member, number)
        case (.checkpoint, _):
            let fails = member.server?.isFrozen == true
            end(member, fails ? "postgres does not answer" : nil)
        case (.stop, _): break
        }
        evaluate(member)
    }

    func end(_ member: SimulatedMember, _ error: String?, silently: Bool = false) {
        guard let operation = member.observation.operation else { return }
        if let error {
            note(member.index, "failed: \(operation): \(error)")
            if !silently { noteFailure(member, operation, error) }
        } else {
            note(member.index, "done: \(operation)")
        }
        switch operation {
        case .initialize, .clone, .rewind, .discard:
            member.isSettling = true
            inspect(member)
        default: member.observation.operation = nil
        }
        guard error == nil else { return }
        switch (operation, member.observation.failure?.operation) {
        case (.clone, _), (.rewind, .rewind), (.initialize, .initialize), (.discard, _):
            member.observation.failure = nil
        case (let done, .some(let failed)) where done == failed:
            if case .start = done { return }
            member.observation.failure = nil
        default: break
        }
    }

    func noteFailure(_ member: SimulatedMember, _ operation: Operation, _ reason: String) {
        let previous = member.observation.failure.flatMap { $0.operation == operation ? $0.count : nil } ?? 0
        member.observation.failure = OperationFailure(
            operation: operation, at: member.clock(now), count: previous + 1, reason: reason)
    }

    /// Whatever is under way: nothing may be acknowledged any more.
    func fence(_ member: SimulatedMember) {
        if member.observation.operation != nil { end(member, "given up", silently: true) }
        guard member.stopMode != .fence, member.server != nil else { return }
        member.observation.operation = .stop(.fence)
        member.operationNumber += 1
        stop(member, .fence)
    }

    // MARK: Data directory

    func inspect(_ member: SimulatedMember) {
        member.inspections += 1
        let slow = weather.slowDisk > 0 ? random.between(0, Int64(500).milliseconds) : 0
        schedule(
            .messages(member.index, .inspected(number: member.inspections)), for: member.index,
            after: random.between(.milliseconds(1, 20)) + slow)
    }

    func inspected(_ member: SimulatedMember, _ number: Int) {
        guard number == member.inspections else { return }
        defer {
            if member.isSettling {
                member.isSettling = false
                member.observation.operation = nil
            }
        }
        guard member.server == nil else { return }
        if case .stopping = member.observation.local.process { member.observation.local.process = .stopped }
        guard let disk = member.disk else { return member.observation.local.data = .absent }
        member.observation.local.data = .present(
            DataState(
                systemIdentifier: SystemIdentifier(rawValue: disk.system),
                timeline: wal.timeline(of: disk.place.branch),
                checkpoint: LSN(rawValue: disk.rewindPending ? 0 : disk.checkpoint),
                minimumRecovery: LSN(rawValue: disk.rewindPending ? 0 : disk.minimumRecovery),
                wasPrimary: disk.wasPrimary && !disk.rewindPending,
                cleanShutdown: disk.cleanShutdown && !disk.rewindPending, term: disk.term,
                rewindPending: disk.rewindPending))
    }

    private func initialized(_ member: SimulatedMember) {
        let system = random.next() | 1
        let branch = wal.append(
            WAL.Branch(timeline: 1, parent: -1, start: 0, end: 1000, system: system, creator: member.index))
        member.disk = Disk(
            place: WAL.Position(branch: branch, at: 1000), system: system, wasPrimary: true, cleanShutdown: true,
            checkpoint: 1000, minimumRecovery: 0, term: 0)
        end(member, nil)
    }

    /// A server that others can copy from, reached over the network.
    private func source(_ member: SimulatedMember, _ name: MemberName) -> SimulatedMember? {
        guard let other = index(of: name), let server = members[other].server, server.phase == .up,
            !server.isFrozen, network.connects(member.index, other), members[other].disk != nil
        else { return nil }
        if weather.failingTools > 0, random.chance(30) { return nil }
        return members[other]
    }

    private func cloneHalfway(_ member: SimulatedMember, _ name: MemberName) {
        guard source(member, name) != nil else { return end(member, "\(name) cannot be reached") }
        step(member, .done, .milliseconds(100, 2000), slow: 15)
    }

    private func cloned(_ member: SimulatedMember, _ name: MemberName) {
        guard let from = source(member, name), let theirs = from.disk else {
            return end(member, "\(name) cannot be reached")
        }
        if let known = member.observation.store.record?.systemIdentifier, known.rawValue != theirs.system {
            return end(member, "the copy is of another system")
        }
        if member.server != nil { violate("pg-\(member.index + 1) replaced the directory of a running server") }
        member.disk = Disk(
            place: theirs.place, system: theirs.system, wasPrimary: false, cleanShutdown: false,
            checkpoint: theirs.place.at, minimumRecovery: theirs.place.at,
            term: max(1, member.observation.store.record?.term ?? 1))
        end(member, nil)
    }

    private func rewindBegun(_ member: SimulatedMember, _ name: MemberName) {
        guard member.disk != nil else { return end(member, "there is no data directory") }
        if member.server != nil { violate("pg-\(member.index + 1) rewound a running server") }
        member.disk?.rewindPending = true
        guard source(member, name) != nil else { return end(member, "\(name) cannot be reached") }
        step(member, .done, .milliseconds(100, 2000), slow: 6)
    }

    private func rewound(_ member: SimulatedMember, _ name: MemberName) {
        guard let from = source(member, name), let theirs = from.disk, var mine = member.disk else {
            return end(member, "\(name) cannot be reached")
        }
        guard mine.system == theirs.system else { return end(member, "the source is of another system") }
        let sameName =
            wal.branches[mine.place.branch].timeline == wal.branches[theirs.place.branch].timeline
        if !sameName || !mine.rewindPending {
            let fork = wal.fork(mine.place, theirs.place)
            // It must replay what the source had before it answers; half the time it has that WAL already.
            let has = random.chance(50)
            mine.place = WAL.Position(branch: theirs.place.branch, at: has ? theirs.place.at : fork.at)
            mine.minimumRecovery = theirs.place.at
            mine.checkpoint = fork.at
            mine.wasPrimary = false
            mine.cleanShutdown = false
        } else if !wal.has(theirs.place, mine.place) {
            // pg_rewind sees the same timeline and does nothing.
            return end(member, "source and target are on the same timeline")
        } else {
            mine.wasPrimary = false
            mine.cleanShutdown = false
        }
        mine.rewindPending = false
        mine.term = max(mine.term, member.observation.store.record?.term ?? 0)
        member.disk = mine
        end(member, nil)
    }
}
