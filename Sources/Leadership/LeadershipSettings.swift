import ClusterModel

/// The bounds of design §4.2, as configured.
package struct LeadershipSettings: Hashable, Sendable {
    /// D: a challenger waits this long over an unchanged record.
    package var duration: Duration
    /// P: time between two renewals.
    package var renewEvery: Duration
    /// R: the holder gives up this long after it sent its last renewal that succeeded.
    package var giveUpAfter: Duration
    /// K: postgres is unwritable this long after the holder gave up, by whoever kills it.
    package var killWithin: Duration
    /// Bytes; a member that is further behind never stands.
    package var maximumLag: UInt64
    /// How long a crashed primary may try to come back before a ready replica is preferred.
    package var crashRestartBudget: Duration
    /// How long a primary's postgres may fail to answer before a ready replica is preferred.
    package var unresponsiveBudget: Duration
    /// Age up to which a peer's report counts in an election.
    package var reportLifetime: Duration
    /// How long an election waits for the answers of members that may be alive.
    package var electionPatience: Duration
    /// How long a stopped primary waits for the target of a switchover to confirm before it takes its place again.
    package var confirmationPatience: Duration
    /// How many failed rewinds are followed by a fresh clone.
    package var rewindAttempts: Int
    package var synchronousMode: SynchronousMode
    /// How many standbys must have flushed a commit before it is acknowledged; at least 1.
    package var synchronousCount: Int
    /// In `quorum` and `strict`: how long after the last renewal that was seen a silent holder may be replaced by votes
    /// alone; nil: only when its lease has run out. At least `renewEvery` and half a second.
    package var quorumTakeOverAfter: Duration?
    /// How long a member without data waits over a missing record before it makes a new cluster: if the record was lost,
    /// the members that have data make it anew meanwhile. At least three D unless zero.
    package var bootstrapPatience: Duration
    /// How long clients wait after a promotion for the history file of the new timeline to be in the archive; zero: not
    /// at all, as where there is no archive.
    package var historyPatience = Duration.zero

    package init(
        duration: Duration = .seconds(6), renewEvery: Duration = .seconds(1), giveUpAfter: Duration = .seconds(4),
        killWithin: Duration = .milliseconds(500), maximumLag: UInt64 = 16 << 20,
        crashRestartBudget: Duration = .seconds(10), unresponsiveBudget: Duration = .seconds(10),
        reportLifetime: Duration = .milliseconds(3500),
        electionPatience: Duration = .milliseconds(300), confirmationPatience: Duration = .seconds(5),
        rewindAttempts: Int = 2, synchronousMode: SynchronousMode = .off, synchronousCount: Int = 1,
        quorumTakeOverAfter: Duration? = .milliseconds(1800), bootstrapPatience: Duration = .zero
    ) {
        self.duration = duration
        self.renewEvery = renewEvery
        self.giveUpAfter = giveUpAfter
        self.killWithin = killWithin
        self.maximumLag = maximumLag
        self.crashRestartBudget = crashRestartBudget
        self.unresponsiveBudget = unresponsiveBudget
        self.reportLifetime = reportLifetime
        self.electionPatience = electionPatience
        self.confirmationPatience = confirmationPatience
        self.rewindAttempts = rewindAttempts
        self.synchronousMode = synchronousMode
        self.synchronousCount = synchronousCount
        self.quorumTakeOverAfter = quorumTakeOverAfter
        self.bootstrapPatience = bootstrapPatience == .zero ? .zero : max(bootstrapPatience, duration * 3)
    }
}
