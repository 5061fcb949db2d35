import ClusterModel
import Leadership

/// Starting, stopping, promoting and turning the server: PID 1's side.
extension World {
    /// The files are ready. The last moment to look whether it may still be opened.
    func spawn(_ member: SimulatedMember, _ mode: StartMode) {
        guard member.server == nil, var disk = member.disk else {
            return end(member, "there is nothing to start")
        }
        if disk.rewindPending { violate("pg-\(member.index + 1) started a half-rewound directory") }
        var upstream: Int?
        if mode == .primary {
            feedGuard(member)
            guard let until = member.decision.writableUntil, member.clock(now) < until, !member.isGuardDead else {
                return end(member, "the lease went away before postgres was started")
            }
            // On disk before it is opened: nobody opens it under a lower one again.
            disk.term = max(disk.term, member.operationTerm)
            member.disk = disk
        } else if case .standby(.some(let name)) = mode {
            upstream = index(of: name)
        }
        member.serverCount += 1
        var server = Server(
            number: member.serverCount, inRecovery: mode != .primary, members: members.count, at: now)
        server.upstream = upstream
        if mode == .primary {
            server.term = member.operationTerm
            load(&server, member.openingSetting)
            server.admitsClients = member.openingAdmits
        }
        member.server = server
        member.answered = false
        member.stopMode = nil
        member.isProbing = false
        member.observation.local.process = .starting(since: member.clock(now))
        member.observation.local.mayWrite = mode == .primary
        member.observation.local.upstream = upstream.map { members[$0].name }
        member.observation.local.settingInFlight = false
        member.wantedSetting = nil
        member.wantedAdmission = nil
        member.nextProbeAt = member.clock(now) + .seconds(1)
        let delay = random.between(.milliseconds(20, weather.slowStart > 0 ? 15_000 : 700))
        schedule(.serverReady(member.index, server: server.number), after: delay)
        if mode != .primary { schedule(.streams(member.index, server: server.number), after: delay / 2) }
        feedGuard(member)
        end(member, nil)
    }

    func requestPromotion(_ member: SimulatedMember, _ timeline: UInt32) {
        guard let server = member.server, let until = member.decision.writableUntil, member.clock(now) < until,
            !member.isGuardDead
        else { return end(member, "the lease went away before the promotion") }
        let term = max(member.disk?.term ?? 0, member.operationTerm)
        member.disk?.term = term
        // From here on it may become writable, whether PID 1 hears of it or not.
        member.observation.local.mayWrite = true
        feedGuard(member)
        member.nextProbeAt = member.clock(now) + .seconds(1)
        schedule(
            .serverPromotes(
                member.index, server: server.number, timeline: timeline, term: member.operationTerm),
            after: random.between(.milliseconds(1, 30)))
    }

    func stop(_ member: SimulatedMember, _ mode: StopMode) {
        guard let server = member.server else { return end(member, nil) }
        member.stopMode = mode
        member.observation.local.process = .stopping
        let index = member.index
        let kill: Int64
        switch mode {
        case .orderly:
            kill = Int64(20).seconds
            deliver(.serverStops(index, server: server.number), to: member)
            let slow = weather.slowShutdown > 0 ? 30_000 : 250
            schedule(
                .serverStopped(index, server: server.number, clean: true),
                after: random.between(.milliseconds(3, Int64(slow))))
        case .fence:
            kill = (member.observation.settings.killWithin / 2).nanoseconds
            schedule(
                .serverStopped(index, server: server.number, clean: false), after: random.between(.milliseconds(1, 600))
            )
        }
        schedule(.serverKilled(index, server: server.number), for: index, after: kill)
    }

    func followed(_ member: SimulatedMember, _ name: MemberName) {
        guard let server = member.server else { return end(member, "postgres has ended") }
        deliver(
            .serverReloads(member.index, server: server.number, upstream: index(of: name) ?? -1), to: member)
        member.observation.local.upstream = name
        // Not only with the next report: until then the same would be decided again and again.
        if case .running(var running) = member.observation.local.process {
            running.upstream = name
            member.observation.local.process = .running(running)
        }
        end(member, nil)
    }

    /// Done only when a look at the server shows that no receiver is left; that look also has the final position.
    func detached(_ member: SimulatedMember, _ number: Int) {
        guard let server = member.server, server.phase != .stopping else { return end(member, "postgres has ended") }
        member.detachTries += 1
        guard !server.isFrozen, server.upstream == nil else {
            if member.detachTries > 60 {
                member.detachTries = 0
                return end(member, "postgres does not end its WAL receiver")
            }
            return step(member, .done, .milliseconds(150, 250))
        }
        member.detachTries = 0
        member.observation.local.upstream = nil
        if server.phase == .up { member.observation.local.process = .running(report(member, server)) }
        end(member, nil)
    }

    /// Writes and loads what was decided last; a look that sees it ends the flight.
    func changeSetting(_ member: SimulatedMember) {
        guard let server = member.server else { return }
        member.observation.local.settingInFlight = true
        member.settingNumber += 1
        var delay = random.between(.milliseconds(3, 60))
        if weather.slowDisk > 0 { delay += random.between(0, Int64(2).seconds) }
        schedule(
            .settingLoaded(member.index, server: server.number, number: member.settingNumber), for: member.index,
            after: delay)
    }

    func postmasterEnded(_ member: SimulatedMember, _ server: Int, asked: Bool) {
        member.observation.local.mayWrite = false
        member.observation.local.settingInFlight = false
        member.observation.local.process = .stopping
        member.isProbing = false
        let mode = member.stopMode
        member.stopMode = nil
        if let mode {
            if mode == .fence {
                member.observation.local.crashedSince = member.observation.local.crashedSince ?? member.clock(now)
            }
            if case .stop = member.observation.operation { end(member, nil) }
        } else {
            note(member.index, "postgres has ended unasked")
            member.observation.local.crashedSince = member.observation.local.crashedSince ?? member.clock(now)
            if member.observation.operation != nil { end(member, "postgres ended") }
        }
        inspect(member)
    }

    // MARK: Looking

    private func probeInterval(_ member: SimulatedMember) -> Duration {
        if !member.answered || member.observation.operation?.isPromotion == true { return .seconds(1) }
        // Clients wait for what the next look shows.
        if member.running?.admitsClients == false { return .milliseconds(100) }
        let record = member.observation.store.record
        if record?.intent.switchover != nil || record?.holder == nil {
            return member.running?.flushed.rawValue == member.disk?.place.at ? .milliseconds(200) : .milliseconds(50)
        }
        return member.observation.settings.renewEvery
    }

    func look(_ member: SimulatedMember, _ local: Instant) {
        member.nextProbeAt = local + probeInterval(member)
        guard let server = member.server else { return }
        member.isProbing = true
        let index = member.index
        guard server.phase == .up, !server.isFrozen else {
            let patience = server.isFrozen ? (member.answered ? Int64(2000) : 500) : 1
            return schedule(
                .messages(index, .probed(server: server.number, .failed)), for: index, after: patience.milliseconds)
        }
        var delay = random.between(.milliseconds(1, 4))
        if weather.slowDisk > 0, random.chance(20) { delay += random.between(0, Int64(1800).milliseconds) }
        schedule(
            .messages(index, .probed(server: server.number, .report(ProbeReport(report(member, server))))), for: index,
            after: delay)
    }

    func report(_ member: SimulatedMember, _ server: Server) -> LocalState.Running {
        let place = member.disk?.place ?? WAL.Position(branch: 0, at: 0)
        var running = LocalState.Running(
            inRecovery: server.inRecovery, timeline: wal.timeline(of: place.branch),
            flushed: LSN(rawValue: place.at), replayed: LSN(rawValue: place.at), streaming: server.isStreaming,
            upstream: member.observation.local.upstream, provedAt: member.clock(now),
            receiving: server.inRecovery && server.upstream != nil && server.promotesTo == nil,
            pendingRestart: member.pendingRestart)
        guard !server.inRecovery else { return running }
        running.synchronous = server.setting
        running.admitsClients = server.admitsClients
        for other in members where server.senders[other.index].isConnected {
            if let ended = server.senders[other.index].endedAt, now - ended > Int64(10).seconds { continue }
            running.replicas[other.name] = ReplicaState(
                streaming: true, flushed: LSN(rawValue: server.senders[other.index].flushed))
        }
        return running
    }

    func probed(_ member: SimulatedMember, _ number: Int, _ result: ProbeResult) {
        member.isProbing = false
        guard let server = member.server, server.number == number, member.stopMode == nil else { return }
        guard case .report(let report) = result else {
            member.nextProbeAt = member.clock(now) + (member.answered ? .milliseconds(250) : .seconds(1))
            return
        }
        let first = !member.answered
        member.answered = true
        member.observation.local.crashedSince = nil
        member.observation.local.process = .running(report.running)
        if !report.running.inRecovery, member.observation.operation?.isPromotion == true { end(member, nil) }
        if member.observation.local.settingInFlight,
            member.wantedSetting.map({ $0 == report.running.synchronous }) ?? true,
            member.wantedAdmission.map({ $0 == report.running.admitsClients }) ?? true
        {
            member.observation.local.settingInFlight = false
        }
        if first, case .start = member.observation.failure?.operation { member.observation.failure = nil }
        member.nextProbeAt = min(member.nextProbeAt, member.clock(now) + probeInterval(member))
    }
}
