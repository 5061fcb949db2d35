import ClusterModel
import Leadership

/// Walsenders, WAL receivers and clients.
extension World {
    /// Adds to the WAL of a primary.
    func write(_ member: SimulatedMember, _ disk: inout Disk, bytes: UInt64) {
        let branch = disk.place.branch
        if wal.branches[branch].end != disk.place.at, !isForked {
            violate(
                "pg-\(member.index + 1) writes timeline \(wal.branches[branch].timeline) from \(disk.place.at) on, "
                    + "which another server has written up to \(wal.branches[branch].end)")
        }
        disk.place.at += bytes
        wal.extend(branch, to: disk.place.at)
    }

    /// A client commits, again and again.
    func commit(_ member: SimulatedMember) {
        guard let server = member.server, server.isOpen else { return }
        schedule(.commits(member.index, server: server.number), after: random.between(.milliseconds(30, 500)))
        guard !server.isFrozen, server.admitsClients, server.waiting.count < 8, var disk = member.disk,
            member.diskHangs == 0
        else { return }
        write(member, &disk, bytes: UInt64(random.between(60, 2000)))
        member.disk = disk
        counts.commits += 1
        member.server?.waiting.append(disk.place.at)
        ship(member)
        releaseWaiting(member)
    }

    /// Sends what there is to whoever streams from this member.
    func ship(_ member: SimulatedMember) {
        guard let from = member.disk?.place else { return }
        for standby in members where standby.server?.upstream == member.index {
            guard let server = standby.server, server.isStreaming,
                server.connectedServer == member.server?.number, network.connects(member.index, standby.index)
            else { continue }
            schedule(
                .walArrives(standby.index, server: server.number, connection: server.connection, from),
                after: walDelay())
        }
    }

    private func walDelay() -> Int64 {
        var delay = random.between(Span(low: 300_000, high: 4_000_000))
        if weather.replicationLag > 0 { delay += random.between(0, Int64(3).seconds) }
        if weather.slowDisk > 0 { delay += random.between(0, Int64(400).milliseconds) }
        return delay
    }

    func walArrives(_ member: SimulatedMember, _ connection: Int, _ place: WAL.Position) {
        guard let server = member.server, server.isStreaming, server.connection == connection, server.inRecovery,
            server.promotesTo == nil, var disk = member.disk, let upstream = server.upstream, member.diskHangs == 0
        else { return }
        guard !wal.has(disk.place, place) else { return }
        if !wal.has(place, disk.place), !isForked {
            violate(
                "pg-\(member.index + 1) follows pg-\(upstream + 1) although it has WAL that this does not have, "
                    + "without a rewind")
        }
        disk.place = place
        disk.wasPrimary = false
        disk.cleanShutdown = false
        member.disk = disk
        if server.phase == .starting { serverReady(member) }
        confirm(member)
        ship(member)
    }

    /// Tells the upstream what was flushed.
    private func confirm(_ member: SimulatedMember) {
        guard let server = member.server, server.isStreaming, let upstream = server.upstream,
            let place = member.disk?.place, network.connects(member.index, upstream)
        else { return }
        var delay = random.between(Span(low: 200_000, high: 2_000_000))
        if weather.messageDelay > 0 { delay += random.between(0, Int64(800).milliseconds) }
        schedule(
            .walConfirmed(
                upstream, server: server.connectedServer, by: member.index, connection: server.connection, place.at),
            after: delay)
    }

    func walConfirmed(_ member: SimulatedMember, by standby: Int, connection: Int, _ at: UInt64) {
        guard let sender = member.server?.senders[standby], sender.connection == connection else { return }
        member.server?.senders[standby].flushed = max(sender.flushed, at)
        releaseWaiting(member)
    }

    /// A standby's own turn: connects, catches up, or notices that nobody is there.
    func streamTurn(_ member: SimulatedMember, _ number: Int) {
        guard let server = member.server, server.number == number, server.inRecovery, server.upstream != nil else {
            return
        }
        let next: Int64 = server.isStreaming ? 1000 : 500
        guard now - member.lastTurn >= Int64(10).milliseconds else { return }
        member.lastTurn = now
        schedule(.streams(member.index, server: number), after: random.between(.milliseconds(next - 200, next)))
        guard !server.isFrozen else { return }
        stream(member)
    }

    func stream(_ member: SimulatedMember) {
        guard var server = member.server, server.inRecovery, server.promotesTo == nil, let upstream = server.upstream,
            let mine = member.disk?.place
        else { return }
        let other = members[upstream]
        if server.isStreaming {
            let lives = other.server?.number == server.connectedServer
            guard network.connects(member.index, upstream), !lives || other.server?.isFrozen == false else {
                // Silence, until the timeout.
                let since = server.brokenSince ?? now
                member.server?.brokenSince = since
                if now - since > Int64(5).seconds { disconnect(member) }
                return
            }
            member.server?.brokenSince = nil
            guard lives else { return disconnect(member) }
            if let theirs = other.disk?.place, theirs != mine { ship(other) }
            return confirm(member)
        }
        guard let theirs = other.disk?.place, let source = other.server, source.phase == .up, !source.isFrozen,
            network.connects(member.index, upstream), other.disk?.system == member.disk?.system,
            wal.mayStream(mine, from: theirs)
        else { return }
        connections += 1
        server.connection = connections
        server.connectedServer = source.number
        server.isStreaming = true
        server.brokenSince = nil
        member.server = server
        other.server?.senders[member.index] = Server.Sender(
            connection: server.connection, flushed: 0, isConnected: true)
        schedule(
            .walArrives(member.index, server: server.number, connection: server.connection, theirs), after: walDelay())
        confirm(member)
    }

    /// The receiver of a standby ends; its sender notices when the network lets it.
    func disconnect(_ member: SimulatedMember) {
        guard let server = member.server, server.isStreaming else { return }
        member.server?.isStreaming = false
        member.server?.brokenSince = nil
        connections += 1
        member.server?.connection = connections
        guard let upstream = server.upstream,
            members[upstream].server?.senders[member.index].connection == server.connection
        else { return }
        members[upstream].server?.senders[member.index].endedAt = now
        guard network.connects(member.index, upstream) else { return }
        members[upstream].server?.senders[member.index] = Server.Sender()
    }

    // MARK: Acknowledging

    private func isConfirmed(_ server: Server, _ at: UInt64, _ standbys: StandbySet) -> Bool {
        if standbys.required == 0 { return true }
        var have = 0
        for other in server.senders.indices
        where standbys.members & (1 << UInt32(other)) != 0 && server.senders[other].flushed >= at { have += 1 }
        return have >= standbys.required
    }

    func releaseWaiting(_ member: SimulatedMember) {
        guard let server = member.server, server.isOpen, !server.isFrozen, let place = member.disk?.place else {
            return
        }
        var done = 0
        for at in server.waiting {
            guard
                isConfirmed(server, at, server.standbys)
                    || (now < server.formerUntil && isConfirmed(server, at, server.formerStandbys))
            else { break }
            done += 1
        }
        guard done > 0 else { return }
        let last = server.waiting[done - 1]
        member.server?.waiting.removeFirst(done)
        member.server?.visible = max(server.visible, last)
        member.acknowledgedAt = now
        counts.acknowledged += done
        checkAcknowledged(member, WAL.Position(branch: place.branch, at: last))
    }
}
