/// What a member does in its cluster, as people and load balancers ask for it.
package enum Role: String, Sendable, Codable, CaseIterable {
    /// Holds a valid lease and its postgres is out of recovery.
    case primary
    /// Its postgres runs in recovery, or is on the way there.
    case replica
    /// Has no data directory yet.
    case uninitialized
}

/// Where a member stands on its way to being useful.
package enum MemberState: String, Sendable, Codable, CaseIterable {
    /// Waits for the lease, for a primary to clone from, or for a decision.
    case waiting
    case initializing, cloning, rewinding
    case starting, promoting
    /// Primary: accepts writes. Replica: answers, but receives no WAL yet.
    case running
    /// Replica: WAL receiver streams from the primary.
    case streaming
    case stopping, stopped
    /// Postgres ended unasked and is being brought back.
    case crashed
    /// Stopped because the lease could not be renewed.
    case fenced
    /// Cannot go on without a person; `problem` says why.
    case failed
}

/// `GET /v1/status`: one member as it sees itself. Everything is from memory; nothing waits for postgres.
package struct MemberStatus: Hashable, Sendable, Codable {
    package var cluster: String
    package var name: MemberName
    package var incarnation: Incarnation
    package var version: String
    package var role: Role
    package var state: MemberState
    /// What keeps the member from being ready, in one sentence; nil when nothing does.
    package var problem: String?
    package var systemIdentifier: SystemIdentifier?
    package var timeline: TimelineID?
    /// Primary: flushed. Replica: received and flushed.
    package var flushed: LSN?
    /// Replica: replayed.
    package var replayed: LSN?
    /// Replica: bytes behind the primary's last known position; nil when not known.
    package var lagBytes: UInt64?
    package var streaming: Bool
    /// The member it streams from.
    package var upstream: MemberName?
    /// Holder: milliseconds until its lease ends unless renewed. Others: nil.
    package var leaseRemainingMilliseconds: Int64?
    package var term: UInt64
    /// The holder as this member last read it from the store.
    package var leader: MemberName?
    package var ready: Bool
    package var readyReason: String
    /// Whether this member would stand for election: has data, is not diverged, lags at most `maximumLag`.
    package var candidate: Bool
    /// The renewal that this member last read from the store.
    package var renewal: String?
    /// Cast and binding: its WAL receiver is gone.
    package var vote: Vote?
    /// Whether its WAL receiver runs; a replica that streams nothing may still be about to.
    package var receiving: Bool
    /// A person stopped its postgres (`fence`).
    package var isFenced: Bool
    /// Holds the lease of a cluster that follows another one.
    package var leadsStandby: Bool
    /// The file system of its data directory has no room.
    package var diskFull: Bool
    /// Settings of its server wait for a restart.
    package var pendingRestart: Bool
    package var traits: MemberTraits
    package var archive: ArchiveStatus?
    /// The job that it carries out, or carried out until the record says so.
    package var job: JobReport?
    /// Of the leader of a cluster that follows another one.
    package var standbyCluster: StandbyClusterStatus?
    /// Milliseconds since PID 1's loop last looked at postgres; nil: never.
    package var observedMillisecondsAgo: Int64?

    package init(cluster: String, name: MemberName, incarnation: Incarnation, version: String) {
        self.cluster = cluster
        self.name = name
        self.incarnation = incarnation
        self.version = version
        role = .uninitialized
        state = .waiting
        problem = nil
        systemIdentifier = nil
        timeline = nil
        flushed = nil
        replayed = nil
        lagBytes = nil
        streaming = false
        upstream = nil
        leaseRemainingMilliseconds = nil
        term = 0
        leader = nil
        ready = false
        readyReason = "not started"
        candidate = false
        renewal = nil
        vote = nil
        receiving = false
        isFenced = false
        leadsStandby = false
        diskFull = false
        pendingRestart = false
        traits = MemberTraits()
        archive = nil
        job = nil
        standbyCluster = nil
        observedMillisecondsAgo = nil
    }
}

/// How far the leader of a cluster that follows another one is behind it, and what keeps it from going on.
package struct StandbyClusterStatus: Hashable, Sendable, Codable {
    /// The server that it streams from, or would.
    package var host: String?
    /// One of the other cluster's servers answered lately; false also when it is known by its archive alone.
    package var isReachable = false
    package var streaming = false
    package var remoteTimeline: TimelineID?
    /// Behind the newest position that is known there; nil when none is.
    package var lagBytes: UInt64?
    /// Age of the last transaction that was replayed, while there is more to replay; nil: none was replayed yet.
    package var lagSeconds: Double?
    /// Why nothing comes; nil when all is well.
    package var problem: String?

    package init() {}
}

/// What the archiver worker reports, about once a second and after every change.
package struct ArchiveStatus: Hashable, Sendable, Codable {
    /// Segments and history files that are durable in the archive since the worker started.
    package var archivedCount: UInt64
    /// Attempts that failed since the worker started.
    package var failedCount: UInt64
    /// `.ready` files that wait.
    package var readyCount: Int
    package var lastArchived: String?
    /// Seconds since 1970.
    package var lastArchivedTime: Double?
    package var lastFailed: String?
    package var lastError: String?
    package var archivedBytes: UInt64
    /// Of `archivedBytes`, as stored.
    package var storedBytes: UInt64?
    /// Failed attempts by their reason: `unavailable`, `refused`.
    package var failures: [String: UInt64]?
    /// Times that the archive held something else under the name of a file: two primaries, or two clusters.
    package var conflicts: UInt64?
    /// The file that waits longest.
    package var oldestReady: String?
    /// The newest history file that is durable in the archive, and the one whose name is taken by another content.
    package var archivedHistory: TimelineID?
    package var refusedHistory: TimelineID?
    /// Files that restore_command was given, was told to be absent, and could not be given.
    package var fetchedCount: UInt64?
    package var absentCount: UInt64?
    package var fetchFailedCount: UInt64?
    /// Of `fetchedCount`, those that lay ready when they were asked for.
    package var prefetchedCount: UInt64?
    /// Requests to an object store, and what went wrong with the last one as long as none has succeeded since.
    package var storeRequests: UInt64?
    package var storeRetries: UInt64?
    package var storeThrottled: UInt64?
    package var storeTrouble: String?
    /// nil: the tail is not shipped.
    package var tail: TailStatus?
    /// Of a foreign archive that is only read: the end of its newest segment; nil: not known.
    package var newestEnd: LSN?

    package init() {
        archivedCount = 0
        failedCount = 0
        readyCount = 0
        lastArchived = nil
        lastArchivedTime = nil
        lastFailed = nil
        lastError = nil
        archivedBytes = 0
    }
}

/// The WAL behind the last whole segment, on its way to the archive.
package struct TailStatus: Hashable, Sendable, Codable {
    /// Up to here everything is in the archive.
    package var shipped: LSN?
    /// Flushed by the server, and not in the archive.
    package var lagBytes: UInt64
    /// Since when something that was flushed is missing there; 0: nothing is.
    package var lagSeconds: Double
    /// Pieces, and their bytes before compression.
    package var pieces: UInt64
    package var bytes: UInt64
    package var failures: UInt64
    package var lastError: String?

    package init() {
        lagBytes = 0
        lagSeconds = 0
        pieces = 0
        bytes = 0
        failures = 0
    }
}

/// `GET /v1/cluster`: all members as one member knows them.
package struct ClusterStatus: Hashable, Sendable, Codable {
    /// A member of the record and what it last said of itself.
    package struct Entry: Hashable, Sendable, Codable {
        package var member: Member
        /// nil when it has not answered lately.
        package var status: MemberStatus?
        /// Milliseconds since it last answered; 0 for the member that is asked, nil when it never did.
        package var reportedMillisecondsAgo: Int64?

        package init(member: Member, status: MemberStatus?, reportedMillisecondsAgo: Int64?) {
            self.member = member
            self.status = status
            self.reportedMillisecondsAgo = reportedMillisecondsAgo
        }
    }

    package var cluster: String
    package var systemIdentifier: SystemIdentifier?
    package var term: UInt64
    package var leader: MemberName?
    /// Sorted by name.
    package var members: [Entry]
    package var pendingSwitchover: SwitchoverRequest?
    package var intent: Intent
    package var synchronous: SynchronousState?
    /// The cluster that this one follows.
    package var remote: RemoteCluster?
    /// Where this cluster stopped writing when it was demoted last.
    package var demotion: DemotionToken?
    package var lastTransition: Transition?

    package init(cluster: String) {
        self.cluster = cluster
        systemIdentifier = nil
        term = 0
        leader = nil
        members = []
        pendingSwitchover = nil
        intent = Intent()
        synchronous = nil
        remote = nil
        demotion = nil
        lastTransition = nil
    }
}

/// `POST /v1/switchover` body.
package struct SwitchoverCommand: Hashable, Sendable, Codable {
    /// Must be the primary when given.
    package var from: MemberName?
    /// nil: the best candidate.
    package var to: MemberName?
    /// Milliseconds since 1970: not to begin before. nil: at once.
    package var at: Int64?
    /// Also when the target lacks WAL, which is lost then.
    package var force: Bool

    package init(from: MemberName? = nil, to: MemberName? = nil, at: Int64? = nil, force: Bool = false) {
        self.from = from
        self.to = to
        self.at = at
        self.force = force
    }
}

/// `POST /v1/restart` body: all members, one after the other.
package struct RestartCommand: Hashable, Sendable, Codable {
    /// Only members whose settings wait for a restart.
    package var onlyIfPending: Bool
    /// Milliseconds since 1970: not to begin before. nil: at once.
    package var at: Int64?

    package init(onlyIfPending: Bool = false, at: Int64? = nil) {
        self.onlyIfPending = onlyIfPending
        self.at = at
    }
}
