import ClusterModel

/// What the supervisor says to a request for a switchover.
package enum SwitchoverAnswer: Sendable, Hashable {
    /// Recorded and under way; `id` names the transition.
    case accepted(id: String)
    /// Cannot be done as things are; `hint` says what would help.
    case refused(reason: String, hint: String?)
    /// Could not be decided now; the same request may succeed later.
    case unavailable(reason: String)
}

/// Carries a request to the supervisor. Must return at once; `reply` may be called later, from any thread. Only the
/// first call within the limit counts.
package typealias SwitchoverHandler =
    @Sendable (_ command: SwitchoverCommand, _ reply: @escaping @Sendable (SwitchoverAnswer) -> Void) -> Void
