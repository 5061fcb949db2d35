import ClusterModel

/// What a member remembers from decision to decision. It starts empty at every boot; what may have been promised before is
/// covered by waiting (docs/leadership.md, 3 and 4).
package struct Memory: Hashable, Sendable {
    // MARK: The record

    /// The renewal that was seen last, and since when it has not changed, on our clock.
    var renewal: Renewal?
    var renewalUnchangedSince: Instant?
    /// The record said so last: the wait for the lease's end begins anew when it no longer does.
    var wasPaused = false
    /// A renewal was seen to change since this run began.
    var sawRenewal = false
    /// The record of the highest term that was seen: what a store that lost or went back in its record is measured by.
    var known: ClusterRecord?
    /// Whose cluster it is, once any record has said so: a store that goes back may have forgotten it.
    var knownSystem: SystemIdentifier?
    /// Since when the store has answered that there is no record.
    var missingSince: Instant?
    /// Since when nobody holds the lease, as far as we know.
    var freeSince: Instant?
    /// This run has been in the record.
    var wasEntered = false
    /// How often it entered itself again because another incarnation stood there.
    var reentries = 0
    var reenteredAt: Instant?

    // MARK: Leading

    /// The term that we gave up: a renewal of it that turns out to have been applied is void.
    var abandonedTerm: UInt64?
    /// Number of the next renewal of this incarnation.
    var renewals: UInt64 = 0
    /// The term that is led now, and since when.
    var led: Led?
    /// When the lease was given away because postgres could not be brought back in time.
    var yieldedAt: Instant?
    /// The transition that ends when this member is open for writes.
    var arriving: Transition?
    /// A result that the next renewal publishes.
    var unpublished: Transition?
    var handover: Handover?
    /// The stop that makes this cluster follow another.
    var demoting: Demoting?
    /// The promotion that waits for what its token speaks of.
    var promoting: Demoting?
    /// Since when what is here is no part of what the cluster's leader, or the other cluster, is known to have.
    var disagreesSince: Instant?
    /// The request that is being judged, and since when.
    var judging: Judging?
    /// When a release was last sent. Its answer may be lost or late, and its successor need not wait: until a renewal
    /// that was sent later has succeeded, the lease counts as given away.
    var releaseSentAt: Instant?
    /// Since when postgres is being stopped because it is of no use: the lease then goes to a replica that is ready.
    var givesUpSince: Instant?
    /// A requested stop of PID 1 hands over once; when that fails it stops without.
    var triedHandover = false
    /// Questions for consent that were sent, oldest first; at most `ConsentRound.kept`.
    var rounds: [ConsentRound] = []
    /// How many were ever sent: an answer to an earlier one must never pass for an answer to a later one.
    var roundCount: UInt64 = 0
    /// The lease counts from here as well: just before a question was sent that all have consented to.
    var consented: ConsentRound?
    /// Since when `synchronous_standby_names` is in effect, and how far WAL was at the second look at it.
    var setting: SettingInEffect?
    /// What the record was last told of synchronous standbys, and when. The answer may be lost or late: until a renewal
    /// that was sent later has succeeded, the record says the one or the other.
    var recording: Recording?
    /// When each standby was last seen streaming.
    var streamed: [MemberName: Instant] = [:]
    /// What the server had when it was opened without ordinary clients, and since when it is open so.
    var gate: LSN?
    var closedSince: Instant?

    // MARK: Standing

    /// Also of an earlier run, where that is known.
    package var promise: Promise?
    /// The vote that binds, whether it is in effect (the WAL receiver is gone) or not yet.
    var ballot: Vote?
    /// Since when this member has wanted to take over from the present renewal.
    var candidateSince: Instant?
    var votesAskedAt: Instant?
    /// When each member was last asked for a report out of turn.
    var asked: [MemberName: Instant] = [:]
    /// Since when the holder has been asked because its renewal is late.
    var suspectedSince: Instant?

    // MARK: Requests

    /// The restart request under which postgres of this member has stopped.
    var restarted: String?
    /// The reclone request whose copy was begun.
    var recloning: String?
    /// Postgres has run since boot: from then on a pause keeps it as it is.
    var hasRun = false

    package init() {}

    struct Judging: Hashable, Sendable {
        var id: String
        var since: Instant
    }

    struct Demoting: Hashable, Sendable {
        var id: String
        var deadline: Instant
    }

    struct Renewal: Hashable, Sendable {
        var term: UInt64
        var stamp: String
    }

    struct ConsentRound: Hashable, Sendable {
        static let kept = 4

        var term: UInt64
        var number: UInt64
        var sentAt: Instant
        /// Until when it extends the lease, by the bounds at the time of asking.
        var end: Instant
        var writableUntil: Instant
    }

    struct Led: Hashable, Sendable {
        var term: UInt64
        var since: Instant
    }

    package struct Promise: Hashable, Sendable {
        package var holder: Incarnation
        package var until: Instant

        package init(holder: Incarnation, until: Instant) {
            self.holder = holder
            self.until = until
        }
    }

    struct Recording: Hashable, Sendable {
        var state: SynchronousState?
        var sentAt: Instant
    }

    struct SettingInEffect: Hashable, Sendable {
        var setting: SynchronousSetting
        /// The report in which it was first seen.
        var seenAt: Instant
        /// Flushed at a later look: nothing beyond it was acknowledged under an earlier setting.
        var flushed: LSN?
    }
}

/// A planned hand-over of the lease, from the moment it was accepted.
struct Handover: Hashable, Sendable {
    enum Phase: Hashable, Sendable {
        /// A checkpoint first, so that the shutdown checkpoint is short.
        case checkpointing
        case stopping
        /// Stopped cleanly; waits until the target has flushed the shutdown checkpoint.
        case confirming(since: Instant)
    }

    var id: String
    var target: MemberName
    var deadline: Instant
    var phase: Phase
    /// The member itself goes away afterwards.
    var isShutdown: Bool
    /// Asked for in spite of loss.
    var force = false
}
