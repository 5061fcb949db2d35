import ClusterModel
import Configuration
import Glibc
import Leadership
import Logging
import Management
import Metrics
import Platform
import Postgres

/// The local server: starting, watching, stopping.
extension SupervisionLoop {
    // MARK: Looking

    /// While something is about to change, more often.
    private var probeInterval: Duration {
        if postgres?.answered == false || observation.operation?.isPromotion == true { return .milliseconds(25) }
        if observation.operation == .detach { return .milliseconds(25) }
        // Clients wait for what the target of a hand-over knows of its WAL.
        if isHandoverNear { return .milliseconds(10) }
        if observation.store.record?.holder == nil { return .milliseconds(50) }
        return observation.settings.renewEvery
    }

    /// A switchover was asked for, and not only for later.
    var isHandoverNear: Bool {
        guard let request = observation.store.record?.intent.switchover else { return false }
        return request.notBefore.map { $0 <= BootClock.wallClockMilliseconds() + 2000 } ?? true
    }

    /// What a shutdown and those that receive it would otherwise make while clients wait.
    func prepareSegments() {
        guard case .running(let running) = observation.local.process else { return }
        let directory = dataDirectory
        disk.submit { [log] in
            do {
                try directory.keepSpareSegments(on: running.timeline, after: running.flushed)
            } catch {
                log.debug("no spare WAL segments", metadata: ["error": "\(error)"])
            }
        }
    }

    func lookAtPostgres(_ now: Instant) {
        nextProbeAt = now + probeInterval
        guard let postgres, !probing, postgres.stop == nil else { return }
        var wish: LocalProbe.SlotWish?
        if postgres.answered, now >= nextSlotsAt, let record = observation.store.record {
            nextSlotsAt = now + .seconds(3)
            var positions: [MemberName: LSN] = [:]
            for (name, peer) in observation.peers { positions[name] = peer.status.flushed }
            wish = LocalProbe.SlotWish(
                member: observation.me.name, members: Array(record.members.keys), positions: positions,
                permanent: loaded.configuration.slots.permanent, logical: loaded.configuration.slots.logical)
        }
        probing = probe.look(
            loaded.server.local(), run: postgres.run, patience: postgres.answered ? .seconds(2) : .milliseconds(500),
            starting: postgres.answered ? nil : loaded.configuration.dataDirectory, slots: wish)
        if postgres.answered, now >= nextKnockAt, !knocking {
            knocking = probe.knock(
                loaded.server.local(), run: postgres.run, patience: .seconds(2), postmaster: postgres.process,
                dataDirectory: canonicalDataDirectory)
        }
    }

    func knocked(_ knock: Knock, at: Instant, run: Int) {
        knocking = false
        nextKnockAt = BootClock.now() + (knock == .answered ? .seconds(3) : .milliseconds(500))
        guard let postgres, postgres.run == run, postgres.stop == nil else { return }
        ailments.knocked(knock, at: at)
        if knock != .answered { log.warning("postgres does not take connections", metadata: ["why": "\(knock)"]) }
    }

    func probed(_ result: Result<LocalReport, SQLError>, at: Instant, run: Int) {
        probing = false
        guard var process = postgres, process.run == run, process.stop == nil else { return }
        switch result {
        case .success(let report):
            let firstTime = !process.answered
            process.answered = true
            process.knowsItsEnd = process.knowsItsEnd || report.knowsItsEnd
            postgres = process
            self.report = report
            reportedAt = at
            observation.local.crashedSince = nil
            ailments.answered()
            let running = running(report, at: at)
            observation.local.process = .running(running)
            if !report.inRecovery, observation.operation?.isPromotion == true { endOperation(nil) }
            settle(report)
            finishDetach(running)
            if firstTime {
                log.info(
                    "postgres answers",
                    metadata: ["inRecovery": "\(report.inRecovery)", "timeline": "\(report.timeline)"])
                nextSlotsAt = BootClock.now()
                if reloadWhenItAnswers { applyToPostgres() }
            }
            nextProbeAt = min(nextProbeAt, BootClock.now() + probeInterval)
        case .failure(let error):
            nextProbeAt = BootClock.now() + (process.answered ? .milliseconds(250) : probeInterval)
            if process.answered { log.warning("postgres does not answer", metadata: ["error": "\(error)"]) }
            if ailments.failed(error, at: at), case .running(var running) = observation.local.process {
                // It has answered, if only to turn us away.
                running.provedAt = ailments.proof(at)
                observation.local.process = .running(running)
            }
        }
    }

    private func running(_ report: LocalReport, at: Instant) -> LocalState.Running {
        var running = LocalState.Running(
            inRecovery: report.inRecovery, timeline: report.timeline, flushed: report.flushed,
            replayed: report.replayed, streaming: report.isStreaming, upstream: presentUpstream,
            provedAt: ailments.proof(at), pendingRestart: report.pendingRestart,
            knowsItsEnd: postgres?.knowsItsEnd ?? report.knowsItsEnd)
        if report.inRecovery {
            running.receiving = report.hasReceiverProcess || filesMayNameUpstream
        } else {
            running.synchronous = report.synchronous
            running.admitsClients = report.admitsClients
            running.replicas = replicas(report)
        }
        return running
    }

    /// By the names that standbys give themselves; whoever else streams is none of the members.
    private func replicas(_ report: LocalReport) -> [MemberName: ReplicaState] {
        guard let members = observation.store.record?.members else { return [:] }
        return report.replicas.filter { members[$0.key] != nil && $0.key != observation.me.name }.mapValues {
            ReplicaState(streaming: $0.streaming, flushed: $0.flushed)
        }
    }

    /// nil as well when the upstream's address has changed since the files were written: a pod that was replaced.
    var presentUpstream: MemberName? {
        guard let upstream, upstream.address == upstreamInfo(upstream.name) else { return nil }
        return upstream.name
    }

    // MARK: Starting

    /// The files are ready. The last moment to look whether it may still be opened.
    func spawnPostmaster(_ mode: StartMode) {
        if mode == .primary {
            feedGuard()
            guard let until = decision.writableUntil, BootClock.now() < until, guardian.isAlive else {
                return endOperation("the lease or the guard went away before postgres was started")
            }
        }
        var command = tools.postmaster(loaded.configuration.dataDirectory)
        command.output = logStream
        command.error = logStream
        do {
            runs += 1
            let mailbox = mailbox
            let process = try registry.spawn(command) { process, status in
                _ = mailbox.post(.postmasterEnded(process, status))
            }
            let now = BootClock.now()
            postgres = PostgresProcess(
                process: process, startedAt: now, run: runs, mode: mode, mayWrite: mode == .primary)
            observation.local.process = .starting(since: now)
            observation.local.mayWrite = mode == .primary
            upstream = nil
            if case .standby(.some(let name)) = mode, startAddress != nil || name == .remote {
                upstream = (name, startAddress)
            }
            filesMayNameUpstream = upstream != nil
            ailments = Ailments()
            nextKnockAt = now + .seconds(3)
            observation.local.upstream = presentUpstream
            report = nil
            nextProbeAt = now
            if observation.local.crashedSince != nil { metrics.postgresRestarts.increment() }
            log.info("postgres started", metadata: ["process": "\(process)", "mode": "\(mode)"])
            feedGuard()
            endOperation(nil)
        } catch {
            endOperation("cannot start postgres: \(error)")
        }
    }

    /// What programs print becomes lines of the log by way of the log worker.
    var logStream: Command.Stream {
        guard let input = workers[.logs]?.input, input >= 0 else { return .inherit }
        return .descriptor(input)
    }

    // MARK: Ending

    func postmasterEnded(_ process: ProcessID, _ status: ExitStatus, _ now: Instant) {
        guard let ended = postgres, ended.process == process else { return }
        postgres = nil
        probe.close()
        if status != .exited(0) {
            // Backends that outlive their postmaster go on answering their clients, and keep the next one from starting.
            _ = Processes.killPostgres(postmaster: 0, dataDirectory: canonicalDataDirectory)
        }
        observation.local.mayWrite = false
        observation.local.settingInFlight = false
        settingRetryAt = nil
        ailments = Ailments()
        observation.local.process = .stopping
        report = nil
        if let stop = ended.stop {
            log.info("postgres stopped", metadata: ["status": "\(status)", "mode": "\(stop.mode)"])
            if stop.mode == .fence { observation.local.crashedSince = observation.local.crashedSince ?? now }
            if case .stop = observation.operation { endOperation(nil) }
        } else {
            log.error("postgres ended unasked", metadata: ["status": "\(status)", "answered": "\(ended.answered)"])
            observation.local.crashedSince = observation.local.crashedSince ?? now
            // A full disk is the most likely reason that can be mended.
            storage.probeNow()
            if let operation = observation.operation { endOperation("postgres ended during \(operation)") }
            if !ended.answered { note(failureOf: .start(ended.mode), "postgres ended before it answered: \(status)") }
        }
        inspect()
    }

    func stop(_ mode: StopMode) {
        guard var process = postgres else { return endOperation(nil) }
        let now = BootClock.now()
        var escalation =
            mode == .fence
            ? Escalation.fence(killWithin: observation.settings.killWithin) : loaded.stopEscalation
        if mode == .orderly, observation.shutdownRequests > 1, escalation.steps.count > 1 {
            escalation = escalation.hurried(after: 0)
        }
        process.stop = PostgresProcess.Stop(escalation: escalation, step: -1, nextAt: now, mode: mode, beganAt: now)
        postgres = process
        observation.local.process = .stopping
        escalate(now)
    }

    /// The next step of a stop when the last one has had its time.
    func escalate(_ now: Instant) {
        guard var process = postgres, var stop = process.stop, now >= stop.nextAt else { return }
        stop.step = min(stop.step + 1, stop.escalation.steps.count - 1)
        switch stop.escalation.steps[stop.step] {
        case .signal(let signal, let patience):
            registry.signal(process.process, signal)
            stop.nextAt = now + patience
        case .kill:
            _ = Processes.killPostgres(postmaster: process.process, dataDirectory: canonicalDataDirectory)
            stop.nextAt = now + .milliseconds(200)
        }
        if stop.step > 0 {
            log.warning("postgres did not stop in time", metadata: ["next": "\(stop.escalation.steps[stop.step])"])
        }
        process.stop = stop
        postgres = process
    }

    /// A second request to stop shortens the path.
    func hurry() {
        guard var process = postgres, var stop = process.stop else { return }
        stop.nextAt = BootClock.now()
        process.stop = stop
        postgres = process
    }

    /// Whatever is under way: nothing may be acknowledged any more.
    func fence(_ reason: String) {
        log.critical("fencing postgres", metadata: ["reason": "\(reason)"])
        metrics.fences.increment()
        if let operation = observation.operation { endOperation("given up: \(reason)", silently: true, operation) }
        guard postgres?.stop?.mode != .fence else { return }
        if postgres != nil {
            observation.operation = .stop(.fence)
            operationNumber += 1
            stop(.fence)
        }
    }
}
