import ClusterModel
import Configuration
import FoundationEssentials
import Leadership
import Logging
import Management
import Platform
import Schedules

/// Work on the archive: the holder of the lease gives it out, and every member does what it was given, in a process of
/// its own.
extension SupervisionLoop {
    func tendJobs(_ now: Instant) {
        guard loaded.configuration.archive != nil else { return }
        job?.listen()
        inspector?.listen()
        tendOwnJob(now)
        leadsJobsSince = leadsJobs ? leadsJobsSince ?? now : nil
        if now >= nextJobsAt { giveOutJobs(now) }
        inspectArchive(now)
    }

    var jobsStatus: JobsStatus {
        var status = JobsStatus()
        guard let book = observation.store.record?.jobs else { return status }
        status.book = book
        if let running = book.running {
            let own = running.member.name == observation.me.name ? job?.report : nil
            let report = own ?? observation.peers[running.member.name]?.status.job
            status.progress = report?.id == running.id ? report : nil
        }
        if let settings = loaded.jobs {
            let view = JobPlanner.View(me: observation.me.name, statuses: [:], now: BootClock.wallClockMilliseconds())
            status.next = JobPlanner(settings, view).next(book)
        }
        return status
    }

    // MARK: Giving out

    /// Holds a valid lease and is open: a holder that is still being promoted has other things to do.
    private var leadsJobs: Bool {
        guard decision.writableUntil != nil, observation.store.record?.holder == observation.me.incarnation,
            case .running(let running) = observation.local.process, !running.inRecovery
        else { return false }
        return true
    }

    private func giveOutJobs(_ now: Instant) {
        nextJobsAt = now + .seconds(1)
        guard let leadsJobsSince, let settings = loaded.jobs, var record = observation.store.record,
            observation.shutdownRequests == 0
        else { return }
        let book = record.jobs ?? JobBook()
        var view = JobPlanner.View(
            me: observation.me.name, statuses: freshStatuses(now), fenced: record.intent.fenced,
            backups: archiveSummary?.backups, undrilled: JobPlanner.Undrilled(archiveSummary),
            now: BootClock.wallClockMilliseconds())
        if let name = book.running?.member.name, view.statuses[name] == nil {
            let heard = observation.peers[name]?.receivedAt ?? leadsJobsSince
            view.silence = now.since(max(heard, leadsJobsSince))
        }
        let next = JobPlanner(settings, view).plan(book)
        guard next != book else { return }
        // Just behind a renewal: a write that a slow store holds up must not be in the way of the next one.
        guard !observation.store.writeInFlight, let version = observation.store.version,
            let held = observation.store.held, now.since(held.sentAt) < observation.settings.renewEvery * 3 / 4
        else {
            // The next round: at the latest the one that the renewal itself causes.
            nextJobsAt = now
            return
        }
        record.jobs = next
        guard lease.write(.replace(record, at: version)) else { return }
        observation.store.writeInFlight = true
        tell(book, next)
    }

    private func tell(_ before: JobBook, _ after: JobBook) {
        for kind in JobKind.allCases {
            guard let finished = after.last[kind], finished != before.last[kind] else { continue }
            let metadata: Logger.Metadata = [
                "job": "\(finished.id)", "member": "\(finished.member)", "outcome": "\(finished.outcome.rawValue)",
                "message": "\(finished.message)",
            ]
            log.log(level: finished.outcome == .succeeded ? .notice : .warning, "a job ended", metadata: metadata)
            // What it has changed is to be seen soon.
            nextInspectionAt = BootClock.now()
        }
        if let running = after.running, running.id != before.running?.id {
            log.notice(
                "a job begins",
                metadata: [
                    "job": "\(running.id)", "member": "\(running.member.name)", "origin": "\(running.origin)",
                    "attempt": "\(running.attempt)",
                ])
        }
    }

    // MARK: Carrying out

    private func tendOwnJob(_ now: Instant) {
        // What the record said last stands until it is read again.
        guard let record = observation.store.record else { return }
        let assigned = record.jobs?.running.flatMap { $0.member == observation.me.incarnation ? $0 : nil }
        if let job, assigned?.id != job.report.id {
            guard job.isRunning else { return self.job = nil }
            self.job?.end(.lost, "it was given to another member")
        }
        if let assigned, assigned.cancelled, job?.isRunning == true { job?.end(.cancelled, "was called off") }
        if job?.isRunning == true, let seen = renewalSeenAt,
            now.since(seen) > (loaded.configuration.archive?.jobs.patience ?? .seconds(30))
        {
            // Another may have been given it, and this member is the one that does not hear of it.
            job?.end(.lost, "nobody has renewed the lease for a while")
        }
        guard let assigned, job == nil, observation.shutdownRequests == 0 else { return }
        begin(assigned)
    }

    private func begin(_ assigned: RunningJob) {
        var report = JobReport(id: assigned.id, kind: assigned.kind)
        guard !assigned.cancelled else {
            report.outcome = .cancelled
            job = JobProcess(report, registry)
            return
        }
        do {
            job = try JobProcess(
                id: assigned.id, kind: assigned.kind, worker(["work", assigned.kind.rawValue, "--id", assigned.id]),
                guardian: loaded.programs.guardian, registry, mailbox)
        } catch {
            report.outcome = .failed
            report.message = "the worker cannot be started: \(error)"
            job = JobProcess(report, registry)
        }
    }

    private func worker(_ arguments: [String]) -> Command {
        var command = Command(
            loaded.programs.manager, ["job"] + arguments + ["--config", configurationPath], environment: environment)
        command.error = .inherit
        return command
    }

    // MARK: Counting

    private func inspectArchive(_ now: Instant) {
        if let inspector, !inspector.isRunning {
            if let summary = try? JSONDecoder().decode(ArchiveSummary.self, from: Data(inspector.lastLine)) {
                archiveSummary = summary
            }
            self.inspector = nil
        }
        guard leadsJobsSince != nil else {
            // Who leads counts; an old count must not pass for a present one.
            archiveSummary = nil
            return nextInspectionAt = now
        }
        guard inspector == nil, now >= nextInspectionAt, observation.shutdownRequests == 0,
            let every = loaded.configuration.archive?.jobs.inspectEvery
        else { return }
        nextInspectionAt = now + every
        inspector = try? JobProcess(
            id: "inspect", kind: .verify, worker(["inspect"]), guardian: loaded.programs.guardian, registry, mailbox)
    }
}

extension LoadedConfiguration {
    /// nil: there is no archive.
    var jobs: JobPlanner.Settings? {
        guard let archive = configuration.archive else { return nil }
        func rule(_ schedule: CronSchedule?, _ place: PgmahoutConfiguration.Archive.Place) -> JobPlanner.Rule {
            switch place {
            case .preferStandby: JobPlanner.Rule(schedule: schedule, place: .preferStandby)
            case .standby: JobPlanner.Rule(schedule: schedule, place: .standby)
            case .primary: JobPlanner.Rule(schedule: schedule, place: .primary)
            }
        }
        var settings = JobPlanner.Settings(
            rules: [
                .backup: rule(archive.backup.schedule, archive.backup.from),
                .dump: rule(archive.dump.schedule, archive.dump.from),
                .drill: rule(archive.drill.schedule, archive.drill.from),
                .verify: rule(archive.verify.schedule, archive.verify.from),
                .retention: rule(archive.jobs.retentionSchedule, .primary),
            ], zone: archive.jobs.timeZone, attempts: archive.jobs.attempts, patience: archive.jobs.patience,
            backupAtOnce: archive.backup.immediate, maximumLag: configuration.replication.maximumLag)
        if archive.drill.afterEachBackup { settings.afterBackup.append(.drill) }
        if archive.retention != nil { settings.afterBackup.append(.retention) }
        return settings
    }
}
