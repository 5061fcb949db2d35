/// Work on the archive that one member of a cluster does for all, in a process of its own.
package enum JobKind: String, Hashable, Sendable, Codable, CaseIterable, CodingKeyRepresentable {
    /// A base backup.
    case backup
    /// A logical dump.
    case dump
    /// A backup is restored to see that it can be.
    case drill
    /// What is no longer needed is deleted.
    case retention
    /// The archive is read again and checked.
    case verify
}

/// What of a cluster's jobs all members must agree on: part of the record, and small. The holder of the lease changes it.
package struct JobBook: Hashable, Sendable, Codable {
    /// Jobs that wait for their turn: at most one of each kind.
    package var pending: [PendingJob] = []
    /// The one that somebody carries out.
    package var running: RunningJob?
    /// The last of each kind that came to its end.
    package var last: [JobKind: FinishedJob] = [:]
    /// The last that did so well.
    package var lastGood: [JobKind: FinishedJob] = [:]
    /// Milliseconds since 1970 up to which the schedule of a kind was looked at: what was due before is not due again.
    package var lookedAt: [JobKind: Int64] = [:]
    /// The first backup of a cluster without one was asked for.
    package var begunAtOnce = false
    /// The last backup that a drill was asked for because the archive has it.
    package var drilled: String?

    package init() {}

    package var isEmpty: Bool { self == JobBook() }
}

package struct PendingJob: Hashable, Sendable, Codable {
    package var id: String
    package var kind: JobKind
    /// `schedule`, `request`, `immediate`, or `backup` for what follows one.
    package var origin: String
    /// Milliseconds since 1970: not to begin before.
    package var notBefore: Int64
    /// 1 for the first try.
    package var attempt: Int
    /// Whose last try failed: another is better.
    package var avoid: MemberName?

    package init(
        id: String, kind: JobKind, origin: String, notBefore: Int64, attempt: Int = 1, avoid: MemberName? = nil
    ) {
        self.id = id
        self.kind = kind
        self.origin = origin
        self.notBefore = notBefore
        self.attempt = attempt
        self.avoid = avoid
    }
}

package struct RunningJob: Hashable, Sendable, Codable {
    package var id: String
    package var kind: JobKind
    package var origin: String
    package var attempt: Int
    /// The run of a member that does it: another run of the same one knows nothing of it.
    package var member: Incarnation
    /// Milliseconds since 1970.
    package var startedAt: Int64
    /// Called off: ends as soon as its member has ended it.
    package var cancelled = false

    package init(
        id: String, kind: JobKind, origin: String, attempt: Int, member: Incarnation, startedAt: Int64
    ) {
        self.id = id
        self.kind = kind
        self.origin = origin
        self.attempt = attempt
        self.member = member
        self.startedAt = startedAt
    }
}

package struct FinishedJob: Hashable, Sendable, Codable {
    package enum Outcome: String, Hashable, Sendable, Codable {
        case succeeded, failed, cancelled
        /// Its member died or fell silent.
        case lost
    }

    package var id: String
    package var kind: JobKind
    package var member: MemberName
    package var attempt: Int
    /// Milliseconds since 1970.
    package var startedAt: Int64
    package var finishedAt: Int64
    package var outcome: Outcome
    /// What came of it, or why nothing did; at most `FinishedJob.messageLimit` characters.
    package var message: String

    package static let messageLimit = 200

    package init(_ job: RunningJob, at moment: Int64, _ outcome: Outcome, _ message: String) {
        id = job.id
        kind = job.kind
        member = job.member.name
        attempt = job.attempt
        startedAt = job.startedAt
        finishedAt = moment
        self.outcome = outcome
        self.message = String(message.prefix(Self.messageLimit))
    }
}

/// What a member says of the job that it carries out: part of its status.
package struct JobReport: Hashable, Sendable, Codable {
    package var id: String
    package var kind: JobKind
    package var phase: String
    package var bytesDone: UInt64
    /// 0: not known.
    package var bytesTotal: UInt64
    /// As far as anybody can know from how its phase went so far.
    package var bytesPerSecond: UInt64?
    /// Until the end of its phase, by that pace.
    package var secondsLeft: Int64?
    /// nil while it runs.
    package var outcome: FinishedJob.Outcome?
    package var message: String

    package init(id: String, kind: JobKind) {
        self.id = id
        self.kind = kind
        phase = "starting"
        bytesDone = 0
        bytesTotal = 0
        outcome = nil
        message = ""
    }
}

/// A line that a worker writes for PID 1: progress, or its result.
package struct JobLine: Hashable, Sendable, Codable {
    package var phase: String?
    package var bytesDone: UInt64?
    package var bytesTotal: UInt64?
    package var bytesPerSecond: UInt64?
    package var secondsLeft: Int64?
    package var succeeded: Bool?
    package var message: String?

    package init() {}
}

/// `GET /v1/jobs`
package struct JobsStatus: Hashable, Sendable, Codable {
    package var book: JobBook
    /// What the member that carries it out says of it.
    package var progress: JobReport?
    /// When each schedule is due next, in milliseconds since 1970; of the member that is asked.
    package var next: [JobKind: Int64]

    package init() {
        book = JobBook()
        progress = nil
        next = [:]
    }
}
