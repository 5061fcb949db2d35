/// How commits wait for standbys, as configured.
package enum SynchronousMode: String, Hashable, Sendable, Codable, CaseIterable {
    /// Commits wait for nobody; a failover may lose what was not replicated yet, at most `maximumLag`.
    case off
    /// Commits wait while standbys are there; without any they go on alone, and a failover may then lose some.
    case preferred
    /// Commits wait while standbys are there; without any they go on alone, and then nobody else may take over.
    case quorum
    /// Commits wait for the configured number of standbys, whoever is there.
    case strict

    /// Whether no commit that was acknowledged may be lost by a decision that nobody asked for.
    package var isLossless: Bool { self == .quorum || self == .strict }
}

/// The recorded side of synchronous replication: who may take over, and with how many votes (docs/leadership.md).
///
/// Invariant, at every moment: any set of standbys that can acknowledge a commit shares a member with any set of
/// voters that can elect, `setting.required + votes > |setting.members ∪ members|`.
package struct SynchronousState: Hashable, Sendable, Codable {
    package var mode: SynchronousMode
    /// The standbys whose votes count, sorted; never the primary.
    package var members: [MemberName]
    /// How many of `members` must have voted, the winner among them. More than there are: only the last primary may
    /// lead again.
    package var votes: Int

    package init(mode: SynchronousMode, members: [MemberName], votes: Int) {
        self.mode = mode
        self.members = members.sorted()
        self.votes = votes
    }
}

/// The server's side: what `synchronous_standby_names` says.
package struct SynchronousSetting: Hashable, Sendable, Codable {
    /// Sorted. Empty with `required` > 0: commits wait until somebody is entered.
    package var members: [MemberName]
    /// How many of `members` must have flushed a commit before it is acknowledged; 0: none, commits do not wait.
    package var required: Int

    package init(members: [MemberName], required: Int) {
        self.members = members.sorted()
        self.required = required
    }

    package static let none = SynchronousSetting(members: [], required: 0)
}
