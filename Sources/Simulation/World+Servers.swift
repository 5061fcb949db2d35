import ClusterModel
import Leadership

/// What postgres itself does, whatever PID 1 believes.
extension World {
    /// A signal or data for the server: a frozen one gets it when it is thawed.
    func deliver(_ event: Event, to member: SimulatedMember) {
        guard member.server != nil else { return }
        if member.server?.isFrozen == true {
            if let held = member.server?.held.count, held < 512 { member.server?.held.append(event) }
        } else {
            handle(event)
        }
    }

    func current(_ index: Int, _ number: Int) -> SimulatedMember? {
        members[index].server?.number == number ? members[index] : nil
    }

    func serverReady(_ member: SimulatedMember) {
        guard let server = member.server, server.phase == .starting, let disk = member.disk else { return }
        if server.inRecovery, disk.place.at < disk.minimumRecovery { return }
        member.server?.phase = .up
        if server.inRecovery {
            member.disk?.wasPrimary = false
        } else {
            opened(member, inPlace: true)
        }
        wakeProbe(member)
    }

    private func wakeProbe(_ member: SimulatedMember) {
        guard member.alive else { return }
        member.nextProbeAt = min(
            member.nextProbeAt, member.clock(now + random.between(.milliseconds(0, 25))))
        if !member.isFrozen { setTimer(member) }
    }

    func load(_ server: inout Server, _ setting: SynchronousSetting) {
        var standbys = StandbySet(members: 0, required: setting.required)
        for name in setting.members {
            if let other = index(of: name) { standbys.members |= 1 << UInt32(other) }
        }
        server.setting = setting
        server.standbys = standbys
        server.formerStandbys = standbys
    }

    func settingLoaded(_ member: SimulatedMember, _ number: Int) {
        guard member.settingNumber == number, var server = member.server else { return }
        if server.isFrozen {
            member.server?.held.append(.settingLoaded(member.index, server: server.number, number: number))
            return
        }
        if let wanted = member.wantedSetting, wanted != server.setting {
            let former = server.standbys
            load(&server, wanted)
            // Its processes read the new file one by one; until then a commit may be acknowledged by either.
            server.formerStandbys = former
            server.formerUntil = now + random.between(.milliseconds(0, 300))
            note(
                member.index,
                "synchronous_standby_names is now ANY \(wanted.required) (\(wanted.members.map(\.rawValue).joined(separator: ", ")))"
            )
        }
        if let wanted = member.wantedAdmission, wanted != server.admitsClients {
            server.admitsClients = wanted
            note(member.index, wanted ? "lets clients in" : "keeps clients out")
        }
        let opens = server.admitsClients && member.server?.admitsClients == false
        member.server = server
        if server.isOpen { releaseWaiting(member) }
        if opens { checkVisible(member) }
        member.nextProbeAt = min(member.nextProbeAt, member.clock(now + random.between(.milliseconds(5, 200))))
        if !member.isFrozen { setTimer(member) }
    }

    func reload(_ member: SimulatedMember, upstream: Int) {
        guard member.server?.inRecovery == true else { return }
        let wanted = upstream >= 0 && upstream != member.index ? upstream : nil
        guard member.server?.upstream != wanted else { return }
        disconnect(member)
        member.server?.upstream = wanted
        guard let server = member.server, wanted != nil else { return }
        schedule(.streams(member.index, server: server.number), after: random.between(.milliseconds(5, 200)))
    }

    func promote(_ member: SimulatedMember, timeline: UInt32, term: UInt64) {
        guard var server = member.server, server.phase == .up, server.inRecovery, server.promotesTo == nil else {
            return
        }
        server.promotesTo = timeline
        server.term = term
        load(&server, member.openingSetting)
        server.admitsClients = member.openingAdmits
        member.server = server
        disconnect(member)
        let delay = random.between(.milliseconds(20, weather.slowPromotion > 0 ? 15_000 : 500))
        schedule(.serverPromoted(member.index, server: server.number), after: delay)
    }

    func promoted(_ member: SimulatedMember) {
        guard let server = member.server, server.phase == .up, let promised = server.promotesTo,
            var disk = member.disk
        else { return }
        let parent = disk.place.branch
        let start = disk.place.at
        // As PostgreSQL numbers it: never at or below its own, otherwise as it was made to.
        let timeline = max(promised, wal.branches[parent].timeline + 1)
        let branch = wal.append(
            WAL.Branch(
                timeline: timeline, parent: parent, start: start, end: start + 100, system: disk.system,
                creator: member.index))
        let key = TimelineKey(system: disk.system, timeline: timeline)
        if let other = timelines[key], isTainted {
            isForked = true
            note(member.index, "gives timeline \(timeline) another history than pg-\(wal.branches[other].creator + 1)")
        } else if let other = timelines[key] {
            violate(
                "timeline \(timeline) was made by pg-\(wal.branches[other].creator + 1) at \(wal.branches[other].start)"
                    + " and by pg-\(member.index + 1) at \(start): one name for two histories")
        }
        timelines[key] = branch
        disk.place = WAL.Position(branch: branch, at: start + 100)
        disk.wasPrimary = true
        member.disk = disk
        member.server?.inRecovery = false
        member.server?.upstream = nil
        counts.promotions += 1
        note(member.index, "is out of recovery on timeline \(timeline), which begins at \(start)")
        opened(member, inPlace: false)
        wakeProbe(member)
    }

    func opened(_ member: SimulatedMember, inPlace: Bool) {
        guard var server = member.server, var disk = member.disk else { return }
        server.openedAt = disk.place.at
        server.visible = disk.place.at
        disk.wasPrimary = true
        disk.cleanShutdown = false
        member.server = server
        member.disk = disk
        if inPlace {
            note(
                member.index,
                "is open on timeline \(wal.branches[disk.place.branch].timeline) at \(disk.place.at), term \(server.term)"
            )
        }
        checkOpening(member)
        checkVisible(member)
        schedule(.commits(member.index, server: server.number), after: random.between(.milliseconds(1, 100)))
        // Cascaded members go on from here.
        for other in members where other.server?.upstream == member.index { stream(other) }
    }

    func stopBegins(_ member: SimulatedMember) {
        guard var server = member.server else { return }
        server.phase = .stopping
        // Their waits end with a warning: committed here, not acknowledged as replicated.
        server.waiting = []
        member.server = server
    }

    /// The end of a stop: what it wrote last reaches those that stream, then everything of it is gone.
    func serverStopped(_ member: SimulatedMember, clean: Bool) {
        guard let server = member.server else { return }
        guard !server.isFrozen else {
            member.server?.held.append(.serverStopped(member.index, server: server.number, clean: clean))
            return
        }
        let wasReady = server.phase == .stopping && server.readyAt >= 0
        serverEnds(member, clean: clean && wasReady)
    }

    func serverEnds(_ member: SimulatedMember, clean: Bool) {
        guard let server = member.server, var disk = member.disk else { return }
        if server.inRecovery {
            disk.minimumRecovery = max(disk.minimumRecovery, disk.place.at)
            disk.cleanShutdown = clean
            member.disk = disk
        } else {
            disk.cleanShutdown = clean
            if clean {
                disk.checkpoint = disk.place.at
                write(member, &disk, bytes: 120)
                member.disk = disk
                ship(member)
            }
            member.disk = disk
        }
        disconnect(member)
        member.server = nil
        for other in members where other.server?.upstream == member.index {
            // What is on its way still arrives; then the connection is gone.
            if network.connects(other.index, member.index), let standby = other.server {
                schedule(.streams(other.index, server: standby.number), after: Int64(20).milliseconds)
            }
        }
        guard member.alive else { return }
        let asked = member.stopMode != nil
        schedule(
            .messages(member.index, .postmasterEnded(server: server.number, asked: asked)), for: member.index,
            after: random.between(.milliseconds(0, 10)))
    }

    /// The whole pod: PID 1, guard and postgres.
    func crash(_ member: SimulatedMember, _ why: String) {
        guard member.alive else { return }
        note(member.index, "the pod goes: \(why)")
        member.alive = false
        if member.server != nil { serverEnds(member, clean: false) }
        member.leaseCall = nil
        member.observation.local.process = .stopped
        member.run += 1
    }

    func setFrozen(_ member: SimulatedMember, postgres frozen: Bool) {
        guard member.server != nil, member.server?.isFrozen != frozen else { return }
        member.server?.isFrozen = frozen
        guard !frozen, let held = member.server?.held else { return }
        let number = member.server?.number
        member.server?.held = []
        for event in held where member.server?.number == number { handle(event) }
    }
}
