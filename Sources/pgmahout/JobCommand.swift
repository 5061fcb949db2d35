import Archive
import ArgumentParser
import ClusterModel
import Configuration
import Glibc
import ObjectStorage
import Platform

struct JobCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "job", abstract: "Show, start or call off work on the archive that the cluster does by itself.",
        discussion: "The primary gives jobs out, one at a time; see archive.backup, archive.dump and so on.",
        subcommands: [List.self, Start.self, Cancel.self, Work.self, Inspect.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what runs, what waits, and what came of it.")

        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let jobs = try member.client().jobs()
            switch output.output {
            case .json: try Console.json(jobs)
            case .table: Console.line(Self.table(jobs))
            }
        }

        static func table(_ jobs: JobsStatus) -> String {
            var table = TextTable([
                .init("KIND"), .init("STATE"), .init("MEMBER"), .init("SINCE"), .init("NEXT"), .init("JOB"),
                .init("MESSAGE"),
            ])
            func time(_ milliseconds: Int64?) -> String {
                milliseconds.map { Timestamp(microseconds: $0 / 1000 * 1_000_000).iso8601 } ?? ""
            }
            for kind in JobKind.allCases {
                let next = time(jobs.next[kind])
                if let job = jobs.book.running, job.kind == kind {
                    let progress = jobs.progress.map { progress in
                        let pace = progress.secondsLeft.map { left in
                            (rate: progress.bytesPerSecond ?? 0, left: Duration.seconds(left))
                        }
                        return ProgressLine.text(
                            ArchiveProgress(
                                phase: progress.phase, bytesDone: progress.bytesDone, bytesTotal: progress.bytesTotal),
                            pace)
                    }
                    table.add([
                        kind.rawValue, job.cancelled ? "ending" : "running", job.member.name.rawValue,
                        time(job.startedAt), next, job.id, progress ?? "",
                    ])
                }
                if let job = jobs.book.pending.first(where: { $0.kind == kind }) {
                    table.add([
                        kind.rawValue, "waiting", "", time(job.notBefore), next, job.id,
                        job.attempt > 1 ? "attempt \(job.attempt)" : "",
                    ])
                }
                if let job = jobs.book.last[kind] {
                    table.add([
                        kind.rawValue, job.outcome.rawValue, job.member.rawValue, time(job.finishedAt), next, job.id,
                        job.message,
                    ])
                } else if !next.isEmpty, jobs.book.running?.kind != kind {
                    table.add([kind.rawValue, "scheduled", "", "", next, "", ""])
                }
            }
            return table.text
        }
    }

    struct Start: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run", abstract: "Ask for a job: backup, dump, drill, retention or verify.")

        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions

        @Argument(help: "What is to be done.")
        var kind: JobKind

        func run() throws {
            let client = try member.client()
            let outcome = RequestOutcome(client: client, output: output.output)
            try outcome.report(try client.post(kind.path), done: "requested: pgmahout job list shows it")
        }
    }

    struct Cancel: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Call off the job that runs, or else those that wait.")

        @OptionGroup var member: MemberOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let client = try member.client()
            try RequestOutcome(client: client, output: output.output).report(
                try client.delete("/v1/jobs"), done: "called off")
        }
    }

    /// What PID 1 starts: one job, with its progress as JSON lines on standard output.
    struct Work: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Do a job.", shouldDisplay: false)

        @OptionGroup var options: ConfigurationOptions

        @Argument var kind: JobKind
        @Option var id: String

        func run() throws {
            Processes.lowerPriority()
            Signals.ignore(SIGPIPE)
            let configuration = try options.load(checks: .textOnly)
            let output = JobOutput()
            do {
                let message = try JobWorker(configuration, configurationPath: options.config, output).run(kind)
                output.end(message, succeeded: true)
            } catch {
                let reason = (error as? Failure)?.message ?? "\(error)"
                output.end(reason, succeeded: false)
                throw Failure(.failed, reason)
            }
        }
    }

    /// What PID 1 starts to know what is in the archive.
    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Count the archive.", shouldDisplay: false)

        @OptionGroup var options: ConfigurationOptions

        func run() throws {
            Processes.lowerPriority()
            let settings = try ArchiveWiring(try options.load(checks: .textOnly)).settings()
            let now = Timestamp(microseconds: Int64(time(nil)) * 1_000_000)
            do {
                try Console.json(try ArchiveSummary.read(settings.location.open(), settings.layout, now: now))
            } catch { throw Failure(.unavailable, "the archive cannot be counted: \(error)") }
        }
    }
}

extension JobKind: ExpressibleByArgument {
    fileprivate var path: String {
        switch self {
        case .backup: "/v1/backups"
        case .dump: "/v1/dumps"
        case .drill: "/v1/drills"
        case .retention: "/v1/retention"
        case .verify: "/v1/verifications"
        }
    }
}

/// Lines for PID 1: not more than it takes in.
final class JobOutput {
    private var phase = ""
    private var nextAt = BootClock.now()
    private var estimate = ProgressEstimate()

    func show(_ progress: ArchiveProgress) {
        let pace = estimate.note(progress, at: BootClock.now())
        guard progress.phase != phase || BootClock.now() >= nextAt else { return }
        phase = progress.phase
        nextAt = BootClock.now() + .seconds(1)
        var line = JobLine()
        line.phase = progress.phase
        line.bytesDone = progress.bytesDone
        line.bytesTotal = progress.bytesTotal
        line.bytesPerSecond = pace?.rate
        line.secondsLeft = pace?.left.components.seconds
        try? Console.json(line)
    }

    func end(_ message: String, succeeded: Bool) {
        var line = JobLine()
        line.message = message.split(whereSeparator: \.isNewline).joined(separator: " ")
        line.succeeded = succeeded
        try? Console.json(line)
    }
}
