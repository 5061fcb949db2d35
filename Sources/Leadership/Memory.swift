import ClusterModel

/// What a member remembers from decision to decision. It starts empty at every boot: nothing in it is needed for
/// safety after a restart, because a new incarnation never inherits a lease.
package struct Memory: Hashable, Sendable {
    /// The renewal that was seen last, and since when it has not changed, on our clock.
    var renewal: Renewal?
    var renewalUnchangedSince: Instant?
    /// Since when the store has answered that there is no record.
    var missingSince: Instant?
    /// Since when nobody holds the lease, as far as we know.
    var freeSince: Instant?
    /// The term that we gave up: a renewal of it that turns out to have been applied is void.
    var abandonedTerm: UInt64?
    /// Number of the next renewal of this incarnation.
    var renewals: UInt64 = 0
    /// The transition that ends when this member is open for writes.
    var arriving: Transition?
    /// A result that the next renewal publishes.
    var unpublished: Transition?
    var handover: Handover?
    /// The request that is being judged, and since when.
    var judging: Judging?
    /// When a release was last sent. Its answer may be lost or late, and its successor need not wait: until a renewal
    /// that was sent later has succeeded, the lease counts as given away.
    var releaseSentAt: Instant?
    /// When others were last asked for a report out of turn.
    var askedAt: Instant?
    /// Postgres is being stopped because it does not answer: the lease then goes to a replica that is ready.
    var givesUp = false
    /// A requested stop of PID 1 hands over once; when that fails it stops without.
    var triedHandover = false

    package init() {}

    struct Judging: Hashable, Sendable {
        var id: String
        var since: Instant
    }

    struct Renewal: Hashable, Sendable {
        var term: UInt64
        var stamp: String
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
}
