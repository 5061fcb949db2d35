import ClusterModel

/// Who carries out which job, and when: a pure function of the record, of what members say and of the time.
///
/// Only the holder of the lease calls it, and writes what comes out into the record. Whoever leads next finds it there.
/// One job at a time, because jobs share the disks and the network with the servers.
package struct JobPlanner {
    package enum Place: Hashable, Sendable {
        /// The best standby, else the primary.
        case preferStandby
        case standby, primary
    }

    package struct Rule: Hashable, Sendable {
        package var schedule: CronSchedule?
        package var place: Place

        package init(schedule: CronSchedule? = nil, place: Place) {
            self.schedule = schedule
            self.place = place
        }
    }

    package struct Settings: Hashable, Sendable {
        package var rules: [JobKind: Rule]
        package var zone: ZoneRules
        package var attempts: Int
        /// A member that is silent for so long has lost its job.
        package var patience: Duration
        /// Once at once while there is no backup.
        package var backupAtOnce: Bool
        /// What follows each backup that succeeded.
        package var afterBackup: [JobKind]
        package var maximumLag: UInt64

        package init(
            rules: [JobKind: Rule], zone: ZoneRules = .utc, attempts: Int = 3, patience: Duration = .seconds(30),
            backupAtOnce: Bool = false, afterBackup: [JobKind] = [], maximumLag: UInt64 = 16 << 20
        ) {
            self.rules = rules
            self.zone = zone
            self.attempts = attempts
            self.patience = patience
            self.backupAtOnce = backupAtOnce
            self.afterBackup = afterBackup
            self.maximumLag = maximumLag
        }
    }

    /// A backup without a drill.
    package struct Undrilled: Hashable, Sendable {
        package let backup: String
        /// Milliseconds since 1970 at which the archive was looked at.
        package let seenAt: Int64

        /// nil: there is none.
        package init?(_ summary: ArchiveSummary?) {
            guard let summary, let backup = summary.lastBackup, summary.drill?.backup != backup else { return nil }
            self.backup = backup
            seenAt = summary.takenAt
        }
    }

    /// What is known now.
    package struct View: Sendable {
        package var me: MemberName
        /// Of members that answer, this one included.
        package var statuses: [MemberName: MemberStatus]
        /// How long the member of the running job has not answered; zero when it does.
        package var silence: Duration
        /// Members that a person fenced.
        package var fenced: [MemberName]
        /// Good backups in the archive; nil: not known.
        package var backups: Int?
        /// The newest backup, when the archive holds no drill of it.
        package var undrilled: Undrilled?
        /// Milliseconds since 1970.
        package var now: Int64

        package init(
            me: MemberName, statuses: [MemberName: MemberStatus], silence: Duration = .zero, fenced: [MemberName] = [],
            backups: Int? = nil, undrilled: Undrilled? = nil, now: Int64
        ) {
            self.me = me
            self.statuses = statuses
            self.silence = silence
            self.fenced = fenced
            self.backups = backups
            self.undrilled = undrilled
            self.now = now
        }
    }

    let settings: Settings
    let view: View

    package init(_ settings: Settings, _ view: View) {
        self.settings = settings
        self.view = view
    }

    /// A clock that is so far behind what was written was wrong, or the one before was.
    private static let clockError: Int64 = 3_600_000

    package func plan(_ old: JobBook) -> JobBook {
        var book = old
        settle(&book)
        lookAtSchedules(&book)
        start(&book)
        return book
    }

    /// When each schedule is due next.
    package func next(_ book: JobBook) -> [JobKind: Int64] {
        var found: [JobKind: Int64] = [:]
        for (kind, rule) in settings.rules {
            let from = book.lookedAt[kind] ?? view.now
            if let due = rule.schedule?.next(after: from / 1000, in: settings.zone) { found[kind] = due * 1000 }
        }
        return found
    }

    // MARK: The one that runs

    private func settle(_ book: inout JobBook) {
        guard let job = book.running else { return }
        let status = view.statuses[job.member.name]
        let report = status?.job.flatMap { $0.id == job.id ? $0 : nil }
        if let outcome = report?.outcome, status?.incarnation == job.member {
            // A cancellation that came too late has called off nothing.
            return finish(&book, job, outcome, report?.message ?? "")
        }
        if let status, status.incarnation != job.member {
            return finish(&book, job, job.cancelled ? .cancelled : .lost, "\(job.member.name) was restarted")
        }
        guard view.silence >= settings.patience else { return }
        finish(
            &book, job, job.cancelled ? .cancelled : .lost,
            "\(job.member.name) has not answered for \(view.silence.milliseconds / 1000) s")
    }

    private func finish(_ book: inout JobBook, _ job: RunningJob, _ outcome: FinishedJob.Outcome, _ message: String) {
        let finished = FinishedJob(job, at: view.now, outcome, message)
        book.running = nil
        book.last[job.kind] = finished
        switch outcome {
        case .succeeded:
            book.lastGood[job.kind] = finished
            guard job.kind == .backup else { return }
            for kind in settings.afterBackup { add(&book, kind, origin: "backup") }
        case .cancelled: break
        case .failed, .lost:
            guard job.attempt < settings.attempts, !book.pending.contains(where: { $0.kind == job.kind }) else {
                return
            }
            book.pending.append(
                PendingJob(
                    id: job.id.prefix { $0 != "." } + ".\(job.attempt + 1)", kind: job.kind, origin: job.origin,
                    notBefore: view.now + Self.pause(after: job.attempt, outcome), attempt: job.attempt + 1,
                    avoid: job.member.name))
        }
    }

    /// Milliseconds. Who was lost is replaced at once; what failed may fail again for the same reason.
    private static func pause(after attempt: Int, _ outcome: FinishedJob.Outcome) -> Int64 {
        outcome == .lost && attempt == 1 ? 1000 : min(600_000, 10_000 << Int64(min(attempt - 1, 10)))
    }

    // MARK: Those that wait

    private func add(_ book: inout JobBook, _ kind: JobKind, origin: String) {
        guard !book.pending.contains(where: { $0.kind == kind }) else { return }
        book.pending.append(PendingJob(id: Self.id(kind, view.now), kind: kind, origin: origin, notBefore: view.now))
    }

    package static func id(_ kind: JobKind, _ moment: Int64) -> String {
        "\(kind.rawValue)-\(String(moment, radix: 36))"
    }

    private func lookAtSchedules(_ book: inout JobBook) {
        for kind in JobKind.allCases {
            guard let schedule = settings.rules[kind]?.schedule else {
                book.lookedAt[kind] = nil
                continue
            }
            guard let looked = book.lookedAt[kind], looked <= view.now + Self.clockError else {
                // From now on: what was due before anybody looked is nobody's.
                book.lookedAt[kind] = view.now
                continue
            }
            guard let due = schedule.next(after: looked / 1000, in: settings.zone), due * 1000 <= view.now else {
                continue
            }
            // Times that were missed are made up for by one job.
            book.lookedAt[kind] = view.now
            if book.running?.kind != kind { add(&book, kind, origin: "schedule") }
        }
        if settings.backupAtOnce, !book.begunAtOnce, view.backups == 0, book.running?.kind != .backup {
            book.begunAtOnce = true
            add(&book, .backup, origin: "immediate")
        }
        lookForBackups(&book)
    }

    /// Backups that were taken by hand are drilled as well, each once.
    private func lookForBackups(_ book: inout JobBook) {
        guard settings.afterBackup.contains(.drill), let found = view.undrilled, book.drilled != found.backup,
            book.running?.kind != .drill, (book.last[.drill]?.finishedAt ?? 0) < found.seenAt
        else { return }
        book.drilled = found.backup
        add(&book, .drill, origin: "backup")
    }

    // MARK: Starting

    private func start(_ book: inout JobBook) {
        guard book.running == nil else { return }
        let due = book.pending.filter { $0.notBefore <= view.now }.sorted {
            ($0.notBefore, $0.id) < ($1.notBefore, $1.id)
        }
        for job in due {
            guard let name = choose(job), let member = view.statuses[name]?.incarnation else { continue }
            book.pending.removeAll { $0.id == job.id }
            book.running = RunningJob(
                id: job.id, kind: job.kind, origin: job.origin, attempt: job.attempt, member: member,
                startedAt: view.now)
            return
        }
    }

    /// nil: nobody can do it now.
    private func choose(_ job: PendingJob) -> MemberName? {
        let place = settings.rules[job.kind]?.place ?? .preferStandby
        // Deleting needs no server, and is the holder's own.
        if job.kind == .retention { return view.me }
        let primary = view.statuses[view.me].flatMap { $0.role == .primary ? view.me : nil }
        let standbys = view.statuses.filter { isFit($0.key, $0.value) }.sorted {
            rank($0, job) < rank($1, job)
        }.map(\.key)
        return switch place {
        case .primary: primary
        case .standby: standbys.first
        case .preferStandby: standbys.first ?? primary
        }
    }

    private func isFit(_ name: MemberName, _ status: MemberStatus) -> Bool {
        name != view.me && status.role == .replica && status.streaming && !status.isFenced && !status.diskFull
            && status.vote == nil && !view.fenced.contains(name)
            && status.lagBytes.map { $0 <= settings.maximumLag } ?? false
    }

    /// Smaller is better: not the one that has just failed, not the one that is first in line to lead, the least behind.
    private func rank(_ entry: (key: MemberName, value: MemberStatus), _ job: PendingJob) -> (
        Int, Int, UInt64, MemberName
    ) {
        (
            entry.key == job.avoid ? 1 : 0, entry.value.traits.failoverPriority,
            (entry.value.lagBytes ?? 0) >> 20, entry.key
        )
    }
}
