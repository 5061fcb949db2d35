import ClusterModel
import Testing

@testable import Schedules

struct JobPlannerTests {
    private static let start: Int64 = 1_767_225_600_000  // 2026-01-01T00:00:00Z

    private func status(
        _ name: MemberName, _ role: Role, lag: UInt64 = 0, boot: String = "1", job: JobReport? = nil
    ) -> MemberStatus {
        var status = MemberStatus(
            cluster: "demo", name: name, incarnation: Incarnation(name: name, podUID: "p", bootID: boot), version: "")
        status.role = role
        status.streaming = role == .replica
        status.lagBytes = role == .replica ? lag : nil
        status.job = job
        return status
    }

    private func settings(_ kinds: [JobKind: (String, JobPlanner.Place)] = [:]) -> JobPlanner.Settings {
        JobPlanner.Settings(
            rules: kinds.mapValues { JobPlanner.Rule(schedule: CronSchedule($0.0), place: $0.1) })
    }

    private func view(
        _ statuses: [MemberStatus], at second: Int64, silence: Duration = .zero, backups: Int? = nil
    ) -> JobPlanner.View {
        JobPlanner.View(
            me: "pg-0", statuses: Dictionary(uniqueKeysWithValues: statuses.map { ($0.name, $0) }), silence: silence,
            backups: backups, now: Self.start + second * 1000)
    }

    private var three: [MemberStatus] {
        [status("pg-0", .primary), status("pg-1", .replica, lag: 5 << 20), status("pg-2", .replica)]
    }

    private func report(_ job: RunningJob, _ outcome: FinishedJob.Outcome?, _ message: String = "") -> JobReport {
        var report = JobReport(id: job.id, kind: job.kind)
        report.outcome = outcome
        report.message = message
        return report
    }

    @Test("a job starts at its time on the best standby, and nothing is due before anybody looked")
    func starts() throws {
        let settings = settings([.backup: ("0 3 * * *", .preferStandby)])
        var book = JobPlanner(settings, view(three, at: 3 * 3600 + 60)).plan(JobBook())
        #expect(book.running == nil && book.pending.isEmpty)
        book = JobPlanner(settings, view(three, at: 27 * 3600 - 1)).plan(book)
        #expect(book.running == nil)
        book = JobPlanner(settings, view(three, at: 27 * 3600)).plan(book)
        let job = try #require(book.running)
        #expect(job.kind == .backup && job.member.name == "pg-2" && job.origin == "schedule" && job.attempt == 1)
        // The same time is not due twice, whoever leads and however often it looks.
        #expect(JobPlanner(settings, view(three, at: 27 * 3600 + 1)).plan(book) == book)
    }

    @Test("times that were missed are made up for by one job")
    func missed() throws {
        let settings = settings([.dump: ("0 * * * *", .preferStandby)])
        var book = JobPlanner(settings, view(three, at: 1)).plan(JobBook())
        book = JobPlanner(settings, view(three, at: 10 * 3600 + 5)).plan(book)
        let job = try #require(book.running)
        var done = three
        done[2].job = report(job, .succeeded)
        book = JobPlanner(settings, view(done, at: 10 * 3600 + 60)).plan(book)
        #expect(book.running == nil && book.pending.isEmpty)
        #expect(book.lastGood[.dump]?.id == job.id)
    }

    @Test("a backup that was taken by hand is drilled once, and one whose drill has just ended is not drilled again")
    func byHand() throws {
        var settings = settings()
        var summary = ArchiveSummary(takenAt: Self.start + 10_000)
        summary.lastBackup = "20260101T000000"
        var view = view(three, at: 11, backups: 1)
        view.undrilled = .init(summary)
        #expect(JobPlanner(settings, view).plan(JobBook()).isEmpty)
        settings.afterBackup = [.drill]
        var book = JobPlanner(settings, view).plan(JobBook())
        let job = try #require(book.running)
        #expect(job.kind == .drill && job.origin == "backup")
        var done = three
        done[2].job = report(job, .succeeded)
        view.statuses["pg-2"] = done[2]
        // What was counted before the drill ended knows nothing of it.
        book = JobPlanner(settings, view).plan(book)
        #expect(book.running == nil && book.pending.isEmpty && book.lastGood[.drill] != nil)
        book.drilled = nil
        #expect(JobPlanner(settings, view).plan(book) == book)
        summary.drill = .init(succeeded: false, finishedAt: 0, seconds: 1, backup: "20260101T000000")
        #expect(JobPlanner.Undrilled(summary) == nil)
    }

    @Test("a clock that is a little behind runs nothing twice; one that was far ahead is forgiven")
    func clocks() {
        let settings = settings([.dump: ("0 * * * *", .preferStandby)])
        var book = JobBook()
        book.lookedAt[.dump] = Self.start + 3600_000
        let behind = JobPlanner(settings, view(three, at: 3597)).plan(book)
        #expect(behind == book)
        #expect(JobPlanner(settings, view(three, at: 3601)).plan(behind).running == nil)
        book.lookedAt[.dump] = Self.start + 400 * 86_400_000
        #expect(JobPlanner(settings, view(three, at: 0)).plan(book).lookedAt[.dump] == Self.start)
    }

    @Test("a member that is restarted or silent loses its job, and another one gets it")
    func lost() throws {
        var settings = settings([.backup: ("0 3 * * *", .preferStandby)])
        settings.patience = .seconds(20)
        var book = JobBook()
        book.pending = [PendingJob(id: "backup-x", kind: .backup, origin: "request", notBefore: 0)]
        book = JobPlanner(settings, view(three, at: 0)).plan(book)
        #expect(book.running?.member.name == "pg-2")
        let alone = Array(three.prefix(2))
        #expect(JobPlanner(settings, view(alone, at: 10, silence: .seconds(19))).plan(book).running == book.running)
        let silent = JobPlanner(settings, view(alone, at: 30, silence: .seconds(20))).plan(book)
        #expect(silent.last[.backup]?.outcome == .lost)
        #expect(silent.running == nil && silent.pending.map(\.id) == ["backup-x.2"])
        let again = JobPlanner(settings, view(alone, at: 32)).plan(silent)
        #expect(again.running?.member.name == "pg-1" && again.running?.attempt == 2)
        // It is back at once, as another run: which of the two that have it is decided by what has failed.
        var restarted = three
        restarted[2] = status("pg-2", .replica, boot: "2")
        let moved = JobPlanner(settings, view(restarted, at: 5)).plan(book)
        #expect(moved.last[.backup]?.message.contains("restarted") == true)
        #expect(JobPlanner(settings, view(restarted, at: 7)).plan(moved).running?.member.name == "pg-1")
    }

    @Test("what fails is tried again after a pause that grows, and not for ever")
    func fails() throws {
        let settings = settings()
        var book = JobBook()
        book.pending = [PendingJob(id: "dump-x", kind: .dump, origin: "request", notBefore: 0)]
        var at: Int64 = 0
        for attempt in 1...3 {
            book = JobPlanner(settings, view(three, at: at)).plan(book)
            let job = try #require(book.running)
            #expect(job.attempt == attempt)
            var failed = three
            if let index = failed.firstIndex(where: { $0.name == job.member.name }) {
                failed[index].job = report(job, .failed, "why")
            }
            book = JobPlanner(settings, view(failed, at: at)).plan(book)
            #expect(JobPlanner(settings, view(three, at: at + 5)).plan(book).running == nil)
            at += 60
        }
        #expect(book.pending.isEmpty && book.last[.dump]?.message == "why" && book.lastGood.isEmpty)
    }

    @Test("one at a time; a drill waits for a standby; retention is the holder's; the primary is the last resort")
    func places() throws {
        var settings = settings()
        settings.rules[.drill] = .init(place: .standby)
        func running(_ kind: JobKind, _ statuses: [MemberStatus]) -> MemberName? {
            var book = JobBook()
            book.pending = [PendingJob(id: "x", kind: kind, origin: "request", notBefore: 0)]
            return JobPlanner(settings, view(statuses, at: 0)).plan(book).running?.member.name
        }
        let lone = [status("pg-0", .primary)]
        #expect(running(.drill, lone) == nil && running(.drill, three) == "pg-2")
        #expect(running(.retention, three) == "pg-0")
        #expect(running(.backup, lone) == "pg-0")
        #expect(running(.backup, [status("pg-0", .primary), status("pg-1", .replica, lag: 1 << 40)]) == "pg-0")
        settings.rules[.backup] = .init(place: .primary)
        #expect(running(.backup, three) == "pg-0")
        var book = JobBook()
        book.pending = [
            PendingJob(id: "b", kind: .drill, origin: "request", notBefore: 1),
            PendingJob(id: "a", kind: .dump, origin: "request", notBefore: 2),
        ]
        book = JobPlanner(settings, view(three, at: 0)).plan(book)
        #expect(book.running?.id == "b" && book.pending.map(\.id) == ["a"])
    }

    @Test("a backup that succeeds is followed by what is to follow it; one that was called off by nothing")
    func follows() throws {
        var settings = settings()
        settings.afterBackup = [.drill, .retention]
        var book = JobBook()
        book.pending = [PendingJob(id: "x", kind: .backup, origin: "request", notBefore: 0)]
        book = JobPlanner(settings, view(three, at: 0)).plan(book)
        let job = try #require(book.running)
        var done = three
        done[2].job = report(job, .succeeded, "20260101T000000")
        let good = JobPlanner(settings, view(done, at: 9)).plan(book)
        #expect(good.running?.kind == .drill && good.pending.map(\.kind) == [.retention])
        book.running?.cancelled = true
        done[2].job = report(job, .cancelled)
        let cancelled = JobPlanner(settings, view(done, at: 9)).plan(book)
        #expect(cancelled.running == nil && cancelled.pending.isEmpty && cancelled.last[.backup]?.outcome == .cancelled)
    }

    @Test("a cluster without a backup takes one at once, and only once")
    func atOnce() throws {
        var settings = settings()
        settings.backupAtOnce = true
        #expect(JobPlanner(settings, view(three, at: 0)).plan(JobBook()) == JobBook(), "nobody has looked yet")
        #expect(JobPlanner(settings, view(three, at: 0, backups: 2)).plan(JobBook()) == JobBook())
        var book = JobPlanner(settings, view(three, at: 0, backups: 0)).plan(JobBook())
        #expect(book.running?.origin == "immediate")
        book.running = nil
        #expect(JobPlanner(settings, view(three, at: 9, backups: 0)).plan(book).running == nil)
    }
}
