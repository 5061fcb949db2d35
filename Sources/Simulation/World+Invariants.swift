import ClusterModel
import Leadership

/// What must hold at every step.
extension World {
    /// A server came up for writes.
    func checkOpening(_ member: SimulatedMember) {
        guard let server = member.server, let disk = member.disk else { return }
        counts.openings += 1
        member.server?.opening = counts.openings
        if let openedSystem, openedSystem != disk.system {
            anotherCluster("pg-\(member.index + 1) opens another cluster than the one that was opened before")
        }
        openedSystem = disk.system
        let key = TimelineKey(system: disk.system, timeline: wal.branches[disk.place.branch].timeline)
        if timelines[key] == nil { timelines[key] = disk.place.branch }
        if settings.mode.isLossless, let latest = latestOpening, latest.member != member.index,
            latest.term > server.term
        {
            // Replaced by votes, within its own lease: it may answer readers, and no commit of it is acknowledged.
            return note(member.index, "opens again after it was replaced")
        }
        for branch in wal.branches.indices where wal.branches[branch].acknowledged > 0 {
            let shared = wal.common(branch, with: disk.place)
            let acknowledged = wal.branches[branch].acknowledged
            guard acknowledged > shared else { continue }
            lose(
                acknowledged - max(shared, wal.branches[branch].start),
                "pg-\(member.index + 1) opens without what was acknowledged on timeline "
                    + "\(wal.branches[branch].timeline) from \(shared) to \(acknowledged)")
            wal.forget(after: disk.place, of: branch)
        }
        if !settings.mode.isLossless { checkAlone(member) }
        if forcedUntil == .max { forcedUntil = now + Int64(30).seconds }
        latestOpening = (member.index, server.term, disk.place)
    }

    /// Where the store has lost the record, and all that knew it were restarted before those with data came back, a member
    /// without data cannot know that there is a cluster: `bootstrap.patience` is all there is. No data are touched.
    func anotherCluster(_ text: @autoclosure () -> String) {
        guard isTainted else { return violate(text()) }
        note(text())
        isForked = true
    }

    private func lose(_ bytes: UInt64, _ text: @autoclosure () -> String) {
        counts.losses += 1
        counts.lostBytes += bytes
        guard settings.mode.isLossless || mustNotLose, now > forcedUntil, !isTainted else { return note(text()) }
        violate(text())
    }

    /// In modes that wait for nobody, a server that is writable is one that acknowledges.
    private func checkAlone(_ member: SimulatedMember) {
        for other in members where other !== member && other.writes {
            violate("pg-\(member.index + 1) opens while pg-\(other.index + 1) is writable")
        }
    }

    /// A client is told that its commit is safe.
    func checkAcknowledged(_ member: SimulatedMember, _ place: WAL.Position) {
        guard let server = member.server else { return }
        // A server that opened earlier must be silent once a later one was heard.
        if let last = lastAcknowledged, last.opening > server.opening {
            violate(
                "pg-\(member.index + 1) acknowledges a commit in term \(server.term) after pg-\(last.member + 1), which "
                    + "opened later, did in term \(last.term)")
        } else if let last = lastAcknowledged, last.member != member.index, last.term >= server.term, !isTainted {
            violate(
                "pg-\(member.index + 1) acknowledges a commit in term \(server.term), and pg-\(last.member + 1) had done "
                    + "so in term \(last.term)")
        }
        lastAcknowledged = (server.opening, server.term, member.index)
        if let latest = latestOpening, latest.member != member.index, !wal.has(latest.place, place) {
            lose(
                1,
                "pg-\(member.index + 1) acknowledges a commit at \(place.at) that pg-\(latest.member + 1), which has "
                    + "opened since, does not have")
            return
        }
        wal.acknowledge(place)
    }

    /// In `strict`, what a client reads after an opening has as many copies as were configured.
    func checkVisible(_ member: SimulatedMember) {
        guard settings.mode == .strict, let server = member.server, server.isOpen, server.admitsClients,
            !isTainted, let place = member.disk?.place, now > forcedUntil, counts.acknowledged > 0
        else { return }
        let visible = WAL.Position(branch: place.branch, at: server.visible)
        var copies = 0
        for other in members where other !== member {
            if let theirs = other.disk?.place, wal.has(theirs, visible) { copies += 1 }
        }
        if copies < settings.required {
            violate(
                "clients of pg-\(member.index + 1) read up to \(server.visible) after it has opened, which "
                    + "\(copies) other members have, and \(settings.required) are configured")
        }
    }

    /// A write reached the record.
    func judge(_ before: ClusterRecord?, _ after: ClusterRecord, by writer: Int) {
        guard let holder = after.holder else {
            guard before?.holder != nil else { return }
            note(writer, "releases the lease of term \(after.term)\(after.successor.map { ", to \($0)" } ?? "")")
            // Only that of a server that was stopped for it: after a crash the lease may go to who lacks something.
            releasedCleanly = members[writer].disk?.cleanShutdown == true
            // By force: whoever takes it, whenever that is.
            if before?.intent.switchover?.force == true { forcedUntil = .max }
            return releasedAt = now
        }
        guard after.renewal != before?.renewal else { return }
        if before?.holder != holder || before?.term != after.term { judgeClaim(before, after, holder, writer) }
        renewedAt = now
    }

    private func judgeClaim(_ before: ClusterRecord?, _ after: ClusterRecord, _ holder: Incarnation, _ writer: Int) {
        let since = now - renewedAt
        // A planned hand-over loses nothing, in no mode, unless it was forced.
        mustNotLose =
            before?.holder == nil && before?.successor != nil && releasedCleanly && now - releasedAt < Int64(5).seconds
        if let former = before?.holder, former.name != holder.name, since < Int64(5300).milliseconds {
            counts.quorumTakeOvers += 1
        }
        // A holder that is only making the cluster opens nothing yet.
        if let former = before?.holder, former.name != holder.name, before?.systemIdentifier != nil,
            let index = index(of: former.name)
        {
            replaced = (index, former, before?.term ?? 0, holder.name)
            checkConsented(members[index])
        }
        let synchronous = after.synchronous.map {
            "; members \($0.members.map(\.rawValue).joined(separator: " ")), \($0.votes) votes"
        }
        note(
            writer,
            "takes the lease, term \(after.term), timeline \(after.timeline?.description ?? "none")\(synchronous ?? "")"
                + "; last renewal \(since / 1_000_000) ms ago")
        if let before, after.term <= before.term {
            violate("term \(before.term) was followed by term \(after.term) of another holder")
        }
    }

    /// Whoever consented neither stands nor votes, and nobody wins without them: a lease that goes on by consent is not
    /// taken while it lasts.
    func checkConsented(_ member: SimulatedMember) {
        guard let replaced, replaced.member == member.index, !isTainted, member.alive, !member.isFrozen,
            member.observation.me.incarnation == replaced.holder, let held = member.observation.store.held,
            held.term == replaced.term, let until = member.decision.writableUntil, member.clock(now) < until
        else { return }
        let settings = member.observation.settings
        guard until > held.sentAt + settings.giveUpAfter + settings.killWithin else { return }
        violate("pg-\(member.index + 1) goes on by consent, and \(replaced.by) has taken its lease")
    }

    // MARK: Progress

    /// One primary whose clients are served, and everybody else streams from it on its timeline.
    package var isHealthy: Bool {
        let open = members.filter(\.writes)
        guard open.count == 1, let primary = open.first, let branch = primary.disk?.place.branch,
            now - primary.acknowledgedAt < Int64(3).seconds || settings.mode == .strict && members.count == 1
        else { return false }
        return members.allSatisfy { member in
            if member === primary || member.removed { return true }
            guard member.alive, !member.isFrozen, let server = member.server, let disk = member.disk else {
                return false
            }
            return server.phase == .up && server.inRecovery && server.isStreaming && disk.place.branch == branch
        }
    }

    /// Faults have ceased long ago: everybody must be back.
    func finish() {
        guard violations.isEmpty, !isHealthy, !isForked else { return }
        // Who has every commit only the lost record knew: to wait for a person is safe then.
        if isTainted, settings.mode.isLossless { return counts.leftToPeople += 1 }
        violate("\(settings.calm / 1_000_000_000) s after the last fault the cluster is not whole: \(description)")
    }

    /// Where everybody stands, in words.
    package var description: String {
        var lines: [String] = []
        for member in members {
            var line = "pg-\(member.index + 1)"
            if member.removed { line += " removed" }
            if !member.alive { line += " down" }
            if member.isFrozen { line += " frozen" }
            if let disk = member.disk {
                line += " timeline \(wal.branches[disk.place.branch].timeline) at \(disk.place.at)"
                if disk.rewindPending { line += " half rewound" }
                if disk.wasPrimary { line += " was primary" }
            } else {
                line += " no data"
            }
            if let server = member.server {
                line += server.inRecovery ? " standby" : " primary"
                line += server.isStreaming ? " streaming from pg-\((server.upstream ?? -1) + 1)" : ""
                line += " \(server.phase)\(server.isFrozen ? " frozen" : "")"
                line += server.inRecovery ? "" : " ANY \(server.setting.required) of \(server.setting.members.count)"
                line += server.admitsClients ? "" : " closed to clients, \(server.waiting.count) wait"
            }
            if let operation = member.observation.operation { line += " [\(operation)]" }
            if let problem = member.decision.problem { line += " (\(problem))" }
            lines.append(line)
        }
        if let record = store.record {
            let synchronous = record.synchronous.map {
                " members \($0.members.map(\.rawValue).joined(separator: " ")) votes \($0.votes)"
            }
            lines.append(
                "record: holder \(record.holder?.name.rawValue ?? "none"), primary \(record.primary?.rawValue ?? "none"), "
                    + "term \(record.term), timeline \(record.timeline?.description ?? "none"), electorate "
                    + "\(record.electorate.map(\.rawValue).joined(separator: " "))\(synchronous ?? "")"
                    + (record.intent.paused ? ", paused" : ""))
        }
        return lines.joined(separator: "; ")
    }
}
