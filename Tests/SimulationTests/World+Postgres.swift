import ClusterModel

@testable import Leadership

/// What the simulated servers do: just enough of PostgreSQL to lose, fork or follow a timeline.
extension World {
    mutating func start(_ index: Int) {
        guard !members[index].alive else { return }
        members[index].alive = true
        members[index].run += 1
        members[index].memory = Memory()
        members[index].writableUntil = nil
        members[index].guardCheckAt = nil
        members[index].wakeAt = now
        members[index].observation = SimulatedMember.fresh(members[index].name, run: members[index].run)
        members[index].refreshData()
        note(index, "starts")
        schedule(.reads(index), for: index, after: random.milliseconds(1...50))
        schedule(.reports(index), for: index, after: random.milliseconds(1...500))
        schedule(.replicates(index), for: index, after: random.milliseconds(1...100))
    }

    /// The whole pod dies: PID 1, guard and postgres.
    mutating func crash(_ index: Int) {
        note(index, "crashes")
        members[index].alive = false
        members[index].observation.local.process = .stopped
        members[index].observation.local.mayWrite = false
    }

    mutating func postgresDies(_ index: Int) {
        guard case .running = members[index].observation.local.process else { return }
        note(index, "postgres dies")
        stopPostgres(index, clean: false)
        members[index].observation.local.crashedSince = members[index].observation.local.crashedSince ?? now
        decide(index)
    }

    mutating func stopPostgres(_ index: Int, clean: Bool) {
        if case .running = members[index].observation.local.process, var disk = members[index].disk {
            disk.data.cleanShutdown = clean
            disk.data.checkpoint = clean ? disk.flushed : min(disk.data.checkpoint, disk.flushed)
            if !disk.data.wasPrimary { disk.data.minimumRecovery = disk.flushed }
            members[index].disk = disk
        }
        members[index].observation.local.process = .stopped
        members[index].observation.local.mayWrite = false
        members[index].refreshData()
    }

    mutating func begin(_ work: Operation, _ index: Int) {
        switch work {
        case .start(let mode):
            members[index].observation.local.process = .starting(since: now)
            if mode == .primary { members[index].observation.local.mayWrite = true }
        case .promote: members[index].observation.local.mayWrite = true
        case .initialize: initializations += 1
        case .stop: break
        default: break
        }
    }

    mutating func finish(_ work: Operation, _ index: Int) {
        switch work {
        case .initialize:
            let identifier = SystemIdentifier(rawValue: random.next() | 1)
            members[index].disk = SimulatedMember.Disk(
                data: DataState(
                    systemIdentifier: identifier, timeline: TimelineID(1), checkpoint: LSN(rawValue: 1000),
                    minimumRecovery: .zero, wasPrimary: true, cleanShutdown: true, term: 0, rewindPending: false),
                history: TimelineHistory(timeline: TimelineID(1)), flushed: LSN(rawValue: 1000))
        case .clone(let source), .rewind(let source): copy(from: source, to: index)
        case .discard: members[index].disk = nil
        case .start(let mode): started(mode, index)
        case .stop: stopPostgres(index, clean: true)
        case .promote: promoted(index)
        case .follow(let upstream): setRunning(index) { $0.upstream = upstream }
        case .checkpoint: break
        }
    }

    private mutating func copy(from source: MemberName, to index: Int) {
        guard let from = members.first(where: { $0.name == source }), from.acknowledges(at: now), var disk = from.disk
        else { return }
        clones += 1
        disk.data.wasPrimary = false
        disk.data.cleanShutdown = true
        disk.data.minimumRecovery = disk.flushed
        disk.data.checkpoint = disk.flushed
        members[index].disk = disk
    }

    private mutating func started(_ mode: StartMode, _ index: Int) {
        guard var disk = members[index].disk else { return }
        let primary = mode == .primary
        disk.data.wasPrimary = primary
        disk.data.term = max(disk.data.term, members[index].observation.store.record?.term ?? 0)
        members[index].disk = disk
        var upstream: MemberName?
        if case .standby(let name) = mode { upstream = name }
        members[index].observation.local.crashedSince = nil
        members[index].observation.local.process = .running(
            LocalState.Running(
                inRecovery: !primary, timeline: disk.data.timeline, flushed: disk.flushed, replayed: disk.flushed,
                streaming: false, upstream: upstream, provedAt: now))
    }

    private mutating func promoted(_ index: Int) {
        guard var disk = members[index].disk, case .running = members[index].observation.local.process else { return }
        let next = TimelineID(disk.data.timeline.rawValue + 1)
        let creator = "\(members[index].name) at \(disk.flushed)"
        if let other = timelines[next] {
            violations.append("\(now): timeline \(next) was made by \(other) and by \(creator)")
        }
        timelines[next] = creator
        disk.history = TimelineHistory(
            timeline: next,
            ancestors: disk.history.ancestors + [.init(timeline: disk.data.timeline, end: disk.flushed)])
        disk.data.timeline = next
        disk.data.wasPrimary = true
        members[index].disk = disk
        setRunning(index) { $0.inRecovery = false }
    }

    private mutating func setRunning(_ index: Int, _ change: (inout LocalState.Running) -> Void) {
        guard case .running(var running) = members[index].observation.local.process else { return }
        change(&running)
        running.provedAt = now
        members[index].observation.local.process = .running(running)
    }

    /// Every so often: a primary writes, a standby receives.
    mutating func replicate(_ index: Int) {
        schedule(.replicates(index), for: index, after: random.milliseconds(20...120))
        setRunning(index) { _ in }
        if members[index].acknowledges(at: now), var disk = members[index].disk {
            disk.flushed = LSN(rawValue: disk.flushed.rawValue + UInt64.random(in: 0...500, using: &random))
            members[index].disk = disk
            members[index].refreshData()
            return
        }
        guard case .running(let running) = members[index].observation.local.process, running.inRecovery,
            var mine = members[index].disk
        else { return }
        var streams = false
        if let upstream = members.first(where: { $0.name == running.upstream }), upstream.acknowledges(at: now),
            let theirs = upstream.disk, theirs.history.canBeFollowed(from: mine.data.timeline, at: mine.flushed)
        {
            streams = true
            mine.data.timeline = theirs.data.timeline
            mine.history = theirs.history
            mine.flushed = max(mine.flushed, theirs.flushed)
            mine.data.minimumRecovery = mine.flushed
            members[index].disk = mine
        }
        setRunning(index) { $0.streaming = streams }
        members[index].refreshData()
    }

    /// Sends the own report to everybody, and learns the leader's history.
    mutating func exchangeReports(_ index: Int) {
        schedule(.reports(index), for: index, after: random.milliseconds(300...900))
        let status = members[index].status(at: now)
        for other in members.indices where other != index && members[other].alive {
            members[other].observation.peers[members[index].name] = PeerReport(status: status, receivedAt: now)
            if status.role == .primary { members[other].observation.leaderHistory = members[index].disk?.history }
        }
        if status.role == .primary { members[index].observation.leaderHistory = members[index].disk?.history }
        decide(index)
    }
}
