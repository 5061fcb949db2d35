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
    /// PID 1 was asked to stop; 2 and more: asked again, so do not hand over first.
    package var shutdownRequests: Int

    package init(me: Member, cluster: String, settings: LeadershipSettings) {
        self.me = me
        self.cluster = cluster
        self.settings = settings
        store = StoreView()
        local = LocalState()
        operation = nil
        failure = nil
        peers = [:]
        leaderHistory = nil
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
        /// Last proof that it answers.
        package var provedAt: Instant

        package init(
            inRecovery: Bool, timeline: TimelineID, flushed: LSN, replayed: LSN, streaming: Bool,
            upstream: MemberName?, provedAt: Instant
        ) {
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

    package init() {}
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

    package init(
        systemIdentifier: SystemIdentifier, timeline: TimelineID, checkpoint: LSN, minimumRecovery: LSN,
        wasPrimary: Bool, cleanShutdown: Bool, term: UInt64, rewindPending: Bool
    ) {
        self.systemIdentifier = systemIdentifier
        self.timeline = timeline
        self.checkpoint = checkpoint
        self.minimumRecovery = minimumRecovery
        self.wasPrimary = wasPrimary
        self.cleanShutdown = cleanShutdown
        self.term = term
        self.rewindPending = rewindPending
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
