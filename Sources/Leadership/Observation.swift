import ClusterModel

/// All that a decision may depend on, as one value. The runner fills it; nothing in it waits.
package struct Observation: Hashable, Sendable {
    /// My own entry for the record, with the incarnation of this run.
    package var me: Member
    package var cluster: String
    package var settings: LeadershipSettings
    package var store: StoreView
    package var local: LocalState
    /// The operation that the runner is carrying out; at most one at a time.
    package var operation: Operation?
    /// The last operation that failed, until one of its kind succeeds.
    package var failure: OperationFailure?
    package var peers: [MemberName: PeerReport]
    /// Ancestry of the leader's timeline, once it was fetched from the leader.
    package var leaderHistory: TimelineHistory?
    /// What the configuration says of another cluster; nil: nothing.
    package var standbySource: StandbySource?
    /// What the other cluster says of itself; nil: it never answered, or is not asked.
    package var remote: RemoteReport?
    /// Members that consented to the holder's going on without the store, by round.
    package var consents: [MemberName: Consent]
    /// Whatever this member promised since then is in its memory; before that it may have promised anything. When this
    /// run began, unless a journal of earlier runs was found.
    package var promisesKnownSince: Instant
    /// Milliseconds since 1970 by the wall clock: only for requests that name a time of day.
    package var wallClock: Int64
    /// PID 1 was asked to stop; 2 and more: asked again, so do not hand over first.
    package var shutdownRequests: Int

    package init(
        me: Member, cluster: String, settings: LeadershipSettings, bootedAt: Instant = Instant(nanoseconds: 0)
    ) {
        self.me = me
        self.cluster = cluster
        self.settings = settings
        store = StoreView()
        local = LocalState()
        operation = nil
        failure = nil
        peers = [:]
        leaderHistory = nil
        standbySource = nil
        remote = nil
        consents = [:]
        promisesKnownSince = bootedAt
        wallClock = 0
        shutdownRequests = 0
    }
}

/// What is known of the record, from reads and from own writes that succeeded.
package struct StoreView: Hashable, Sendable {
    /// A lease that a write of ours won or renewed.
    package struct Held: Hashable, Sendable {
        package var term: UInt64
        /// Just before the write was sent: the lease is counted from here.
        package var sentAt: Instant

        package init(term: UInt64, sentAt: Instant) {
            self.term = term
            self.sentAt = sentAt
        }
    }

    /// Whether the store answered at least once, with or without a record.
    package var hasAnswered = false
    package var record: ClusterRecord?
    /// Opaque; what a compare-and-swap on `record` must name.
    package var version: String?
    package var held: Held?
    package var writeInFlight = false
    /// When the last write of ours failed or conflicted; paces the next.
    package var lastFailedWrite: Instant?

    package init() {}
}

/// The data directory and the server on it.
package struct LocalState: Hashable, Sendable {
    package enum Data: Hashable, Sendable {
        case unknown
        /// Nothing there, or only a staging directory that never became one.
        case absent
        case present(DataState)
        /// Not ours: never touched.
        case refused(String)
    }

    package enum Process: Hashable, Sendable {
        case stopped
        case starting(since: Instant)
        case running(Running)
        case stopping
    }

    package struct Running: Hashable, Sendable {
        package var inRecovery: Bool
        package var timeline: TimelineID
        /// Primary: flushed. Standby: the end of what it has received and flushed, or replayed if that is more.
        package var flushed: LSN
        package var replayed: LSN
        package var streaming: Bool
        /// The member its configuration points to.
        package var upstream: MemberName?
        /// Last proof that it answers and that its disk takes writes.
        package var provedAt: Instant
        /// Standby: a WAL receiver process is there, whether it streams yet or not.
        package var receiving: Bool
        /// Standby: it has read all WAL that it has, so that `flushed` is the end of it. After a start it answers before
        /// that, with a position that is too low.
        package var knowsItsEnd: Bool
        /// Primary: the standbys that stream from it, by their application name.
        package var replicas: [MemberName: ReplicaState]
        /// Primary: what `synchronous_standby_names` says in effect.
        package var synchronous: SynchronousSetting
        /// Primary: ordinary clients are let in. In `strict` they wait after a start until standbys are back.
        package var admitsClients: Bool
        package var pendingRestart: Bool

        package init(
            inRecovery: Bool, timeline: TimelineID, flushed: LSN, replayed: LSN, streaming: Bool,
            upstream: MemberName?, provedAt: Instant, receiving: Bool = false,
            replicas: [MemberName: ReplicaState] = [:], synchronous: SynchronousSetting = .none,
            admitsClients: Bool = true, pendingRestart: Bool = false, knowsItsEnd: Bool = true
        ) {
            self.knowsItsEnd = knowsItsEnd
            self.receiving = receiving
            self.replicas = replicas
            self.synchronous = synchronous
            self.admitsClients = admitsClients
            self.pendingRestart = pendingRestart
            self.inRecovery = inRecovery
            self.timeline = timeline
            self.flushed = flushed
            self.replayed = replayed
            self.streaming = streaming
            self.upstream = upstream
            self.provedAt = provedAt
        }
    }

    package var data: Data = .unknown
    package var process: Process = .stopped
    /// The postmaster lives and was started as primary, or was asked to promote: it may acknowledge writes.
    package var mayWrite = false
    /// The member that the server's configuration points to; nil also when that member has another address by now.
    package var upstream: MemberName?
    /// First of the present series of unasked ends; nil once it answers again.
    package var crashedSince: Instant?
    package var disk: DiskHealth = .fine
    /// A change of `synchronous_standby_names` or of who is let in is on its way into effect.
    package var settingInFlight = false
    /// What became of the history file of the newest timeline that was handed to the archive.
    package var history = HistoryInArchive.unknown

    package init() {}
}

/// The history file of a timeline, created in the archive and never overwritten: whoever has stored it has that number.
package enum HistoryInArchive: Hashable, Sendable {
    /// Not handed over yet, or the archive cannot be reached.
    case unknown
    case stored(TimelineID)
    /// The archive holds another file of that name: somebody else has made a timeline of that number.
    case refused(TimelineID)
}

/// What pg_control and our own marker files say of a data directory.
package struct DataState: Hashable, Sendable {
    package var systemIdentifier: SystemIdentifier
    package var timeline: TimelineID
    /// Start of the last checkpoint record; of the shutdown checkpoint when `cleanShutdown`.
    package var checkpoint: LSN
    /// How far a standby must replay to be consistent; zero for a primary.
    package var minimumRecovery: LSN
    /// Whether it was last open for writes (not in recovery).
    package var wasPrimary: Bool
    package var cleanShutdown: Bool
    /// Highest term it was opened under; 0: never opened, so nothing in it was ever acknowledged.
    package var term: UInt64
    /// A pg_rewind was begun and not finished: never to be started.
    package var rewindPending: Bool
    /// Just behind the shutdown checkpoint of a primary that stopped cleanly; nil of others.
    package var end: LSN?
    /// It is of a cluster that followed another one when it was last opened.
    package var followsRemote: Bool

    package init(
        systemIdentifier: SystemIdentifier, timeline: TimelineID, checkpoint: LSN, minimumRecovery: LSN,
        wasPrimary: Bool, cleanShutdown: Bool, term: UInt64, rewindPending: Bool, end: LSN? = nil,
        followsRemote: Bool = false
    ) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.checkpoint = checkpoint
        self.minimumRecovery = minimumRecovery
        self.wasPrimary = wasPrimary
        self.cleanShutdown = cleanShutdown
        self.term = term
        self.rewindPending = rewindPending
        self.end = end
        self.followsRemote = followsRemote
    }
}

/// A standby as the primary sees it.
package struct ReplicaState: Hashable, Sendable {
    package var streaming: Bool
    package var flushed: LSN

    package init(streaming: Bool, flushed: LSN) {
        self.streaming = streaming
        self.flushed = flushed
    }
}

/// What the file system of the data directory does.
package enum DiskHealth: Hashable, Sendable {
    case fine
    /// No room; the ballast has been freed or is about to be.
    case full
    /// A write has not come back since then.
    case hung(since: Instant)
}

/// A member's promise, as it reached the holder.
package struct Consent: Hashable, Sendable {
    package var term: UInt64
    package var round: UInt64

    package init(term: UInt64, round: UInt64) {
        self.term = term
        self.round = round
    }
}

/// The other cluster, as the best of its members that could be reached says.
package struct RemoteReport: Hashable, Sendable {
    package var systemIdentifier: SystemIdentifier
    package var timeline: TimelineID
    package var position: LSN
    /// Out of recovery: it is the one that the other cluster's clients write to.
    package var isPrimary: Bool
    /// Ancestry of its timeline; nil: not known yet.
    package var history: TimelineHistory?
    package var receivedAt: Instant

    package init(
        systemIdentifier: SystemIdentifier, timeline: TimelineID, position: LSN, isPrimary: Bool,
        history: TimelineHistory?, receivedAt: Instant
    ) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.position = position
        self.isPrimary = isPrimary
        self.history = history
        self.receivedAt = receivedAt
    }
}

/// What another member last said of itself.
package struct PeerReport: Hashable, Sendable {
    package var status: MemberStatus
    package var receivedAt: Instant

    package init(status: MemberStatus, receivedAt: Instant) {
        self.status = status
        self.receivedAt = receivedAt
    }
}
