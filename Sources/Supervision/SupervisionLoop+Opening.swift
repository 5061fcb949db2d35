import ClusterModel
import Configuration
import Glibc
import Leadership
import Logging
import Platform
import Postgres

/// Steps on the way to a server that may be written to: only inside the lease, and only with a guard.
extension SupervisionLoop {
    /// The server's files as they should be now.
    var server: ServerConfiguration {
        var server = loaded.server
        server.synchronous = opening.synchronous
        server.admitsClients = opening.admitsClients
        if !loaded.configuration.slots.logical.isEmpty {
            // Whoever can be promoted without loss has a change before a subscriber hears of it. One that commits no longer
            // wait for holds up no subscriber either.
            server.failoverSlots = ServerConfiguration.FailoverSlots(
                major: major, standbySlots: opening.synchronous.members.map { SlotName.of($0) })
        }
        return server
    }

    func prepareStart(_ mode: StartMode) {
        reloadWhenItAnswers = false
        settingRetryAt = nil
        observation.local.settingInFlight = false
        let role: ServerConfiguration.Role
        switch mode {
        case .primary:
            role = .primary
            opening = OpeningSettings(
                synchronous: decision.synchronousAtOpening, admitsClients: decision.admitsClientsAtOpening)
        case .standby(let name):
            // A vote is binding: nothing is received until it is void.
            let upstream = decision.vote == nil ? name : nil
            startAddress = upstream.flatMap { upstreamInfo($0) }
            role = upstream.map { standbyRole($0) } ?? .standby(upstream: nil, slot: nil)
            opening = standbyOpening
        }
        let server = server
        let record = observation.store.record
        let isRemote = role.isStandbyLeader
        // A follower that leads its cluster notes the term as well: the record may go back to before it followed.
        let term = mode == .primary || isRemote ? record?.term : nil
        let follows = record?.remote != nil
        let access = isRemote ? remoteAccess : nil
        let token = loaded.configuration.archive != nil && isRemote ? record?.demotion : nil
        let canonical = canonicalDataDirectory
        let timeline = presentTimeline
        onDisk(.prepareStart) { directory in
            try Leftovers.end(of: directory, canonicalPath: canonical)
            _ = try PostmasterPIDFile.removeStale(dataDirectory: directory.path)
            // Of a promotion that did not happen: numbers above its own are nobody's.
            if let timeline { try directory.releaseTimelines(above: timeline) }
            // Before it is opened under a term, that term is on disk: nobody opens it under a lower one again.
            if let term { try directory.raiseTerm(to: term) }
            // On disk before it starts: a lost record must not make it lead, nor keep it from leading.
            if record != nil { try directory.setFollowsRemote(follows) }
            try access?.writePasswordFile()
            if let token, let control = try? ControlData.read(dataDirectory: directory.path) {
                try directory.archiveLastSegment(token, segmentSize: control.walSegmentSize)
            }
            try server.prepareStart(role)
        }
    }

    private var presentTimeline: TimelineID? {
        if case .present(let data) = observation.local.data { data.timeline } else { nil }
    }

    var standbyOpening: OpeningSettings {
        .standby(
            mode: observation.settings.synchronousMode, required: observation.settings.synchronousCount,
            members: (observation.store.record?.members ?? [:]).keys, me: observation.me.name)
    }

    // MARK: Promotion

    /// Term, timeline and whom commits wait for are on disk before the server is asked.
    func preparePromotion(to target: TimelineID) {
        guard case .running(let running) = observation.local.process else {
            return endOperation("postgres does not run")
        }
        opening = OpeningSettings(
            synchronous: decision.synchronousAtOpening, admitsClients: decision.admitsClientsAtOpening)
        let term = observation.store.record?.term ?? 0
        var server = server
        // The end of recovery would ask the archive for every number of a timeline: one that is out of reach would hold
        // the promotion up, and one that has that number would make the server skip it.
        server.restoresFromArchive = false
        let prepared = server
        let role = currentStandbyRole
        let own = running.timeline
        onDisk(.preparePromotion) { directory in
            try directory.raiseTerm(to: term)
            try directory.setFollowsRemote(false)
            try directory.reserveTimelines(from: own, to: target)
            try prepared.write(role)
        }
    }

    func requestPromotion() {
        guard var process = postgres, process.stop == nil, let until = decision.writableUntil,
            BootClock.now() < until, guardian.isAlive
        else { return endOperation("the lease or the guard went away before the promotion") }
        registry.signal(process.process, SIGHUP)
        // From here on it may become writable, whether we hear of it or not.
        process.mayWrite = true
        postgres = process
        observation.local.mayWrite = true
        feedGuard()
        let local = loaded.server.local()
        let setting = opening.synchronous
        onUrgent(.requestPromotion, until: until) { deadline in
            try Promotion.request(on: local, awaiting: setting, deadline: deadline)
        }
    }

    /// pg_rewind of the others needs the new timeline in pg_control.
    func afterPromotion() {
        let local = loaded.server.local()
        remote.submit {
            let deadline = BootClock.now() + .seconds(120)
            guard let connection = try? SQLConnection.open(local, deadline: deadline) else { return }
            try? Promotion.checkpoint(on: connection, deadline: deadline)
        }
        upstream = nil
        // Its files say standby until the next start: a reload must not bring that back. Where clients still wait to be let
        // in, one write does both: they would wait for two writes otherwise, and for a look between them.
        if opening.admitsClients {
            writeOpeningSettings()
        } else {
            settingRetryAt = BootClock.now() + .seconds(2)
        }
        let directory = dataDirectory
        disk.submit { [log] in
            do {
                try directory.archiveUnusedTimelines()
            } catch {
                log.warning("unused timelines were not handed to the archiver", metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: While it is open

    /// Writes and loads what `opening` says; a later look that sees it ends the flight.
    func writeOpeningSettings() {
        settingRetryAt = nil
        guard postgres != nil else { return }
        settingNumber += 1
        observation.local.settingInFlight = true
        // One at a time: a disk that hangs must not fill the queue of its thread.
        guard !isWritingSetting else { return }
        isWritingSetting = true
        let number = settingNumber
        let server = server
        let role = currentRole
        let accepted = disk.submit { [mailbox] in
            do {
                try server.write(role)
                _ = mailbox.post(.settingWritten(number, error: nil))
            } catch {
                _ = mailbox.post(.settingWritten(number, error: "\(error)"))
            }
        }
        if !accepted {
            isWritingSetting = false
            settingRetryAt = BootClock.now() + .milliseconds(500)
        }
    }

    func settingWritten(_ number: Int, _ error: String?) {
        isWritingSetting = false
        guard let postgres, postgres.stop == nil else { return }
        // Another one was decided meanwhile.
        guard number == settingNumber else {
            if observation.local.settingInFlight { writeOpeningSettings() }
            return
        }
        if let error {
            log.error("cannot write postgres' configuration; it is tried again", metadata: ["error": "\(error)"])
            settingRetryAt = BootClock.now() + .milliseconds(500)
            return
        }
        registry.signal(postgres.process, SIGHUP)
        nextProbeAt = BootClock.now() + .milliseconds(10)
        // A signal may come while the server starts, and be overlooked.
        settingRetryAt = BootClock.now() + .seconds(2)
    }

    /// In effect once a look shows it.
    func settle(_ report: LocalReport) {
        guard observation.local.settingInFlight, !report.inRecovery else { return }
        let isLoaded = report.areSettingsLoaded && report.foreignSynchronous == nil
        if isLoaded, report.synchronous.standbyNames == opening.synchronous.standbyNames,
            report.admitsClients == opening.admitsClients
        {
            observation.local.settingInFlight = false
            settingRetryAt = nil
        } else {
            nextProbeAt = min(nextProbeAt, BootClock.now() + .milliseconds(25))
        }
    }
}
