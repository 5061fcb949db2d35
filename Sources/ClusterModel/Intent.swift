/// What operators asked for and what has not been finished yet. Written by compare-and-swap through any member.
package struct Intent: Hashable, Sendable, Codable {
    package var switchover: SwitchoverRequest?
    /// Maintenance: nobody is promoted, restarted or re-made by itself. The lease and its fence go on.
    package var paused: Bool
    /// Members whose postgres is to be down; PID 1 stays up. Sorted.
    package var fenced: [MemberName]
    /// Members that a person took out; each leaves the list when it enters itself after a restart. Sorted.
    package var removed: [MemberName]
    /// Members to be made anew.
    package var reclone: [MemberName: RecloneRequest]
    package var restart: RestartRequest?
    package var demotion: DemotionRequest?
    package var promotion: PromotionRequest?

    package init(switchover: SwitchoverRequest? = nil) {
        self.switchover = switchover
        paused = false
        fenced = []
        removed = []
        reclone = [:]
        restart = nil
        demotion = nil
        promotion = nil
    }
}

package struct RecloneRequest: Hashable, Sendable, Codable {
    package var id: String
    /// nil: from whoever is best, replicas before the primary.
    package var from: MemberName?

    package init(id: String, from: MemberName? = nil) {
        self.id = id
        self.from = from
    }
}

/// Restart members one after the other, replicas first; the primary hands over before its turn.
package struct RestartRequest: Hashable, Sendable, Codable {
    package var id: String
    /// Who has still to restart, sorted. Empty: done, to be cleared by the holder.
    package var remaining: [MemberName]
    /// Only members whose settings wait for a restart.
    package var onlyIfPending: Bool
    /// Milliseconds since 1970 by the wall clock; nil: at once.
    package var notBefore: Int64?

    package init(id: String, remaining: [MemberName], onlyIfPending: Bool = false, notBefore: Int64? = nil) {
        self.id = id
        self.remaining = remaining.sorted()
        self.onlyIfPending = onlyIfPending
        self.notBefore = notBefore
    }
}

/// A planned hand-over.
package struct SwitchoverRequest: Hashable, Sendable, Codable {
    /// Unique; the id of the transition it leads to.
    package var id: String
    /// The primary that hands over; a request that names another than the holder is void.
    package var from: MemberName
    /// nil: the best candidate.
    package var to: MemberName?
    /// Bound of the whole attempt in milliseconds, counted by the holder from when it first saw the request.
    package var deadlineMilliseconds: Int64
    /// Milliseconds since 1970: not to begin before, by the holder's wall clock. nil: at once.
    package var notBefore: Int64?
    /// Hand over although the target lacks WAL; what is lost stands in the transition's reason.
    package var force: Bool

    package init(
        id: String, from: MemberName, to: MemberName?, deadlineMilliseconds: Int64, notBefore: Int64? = nil,
        force: Bool = false
    ) {
        self.id = id
        self.from = from
        self.to = to
        self.deadlineMilliseconds = deadlineMilliseconds
        self.notBefore = notBefore
        self.force = force
    }
}
