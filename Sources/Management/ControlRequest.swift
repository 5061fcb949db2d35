import ClusterModel

/// What operators ask for over HTTP. Everything but a cancellation gets an id, and becomes part of the record's intent.
package enum ControlRequest: Hashable, Sendable {
    case pause, resume
    case fence(MemberName)
    case unfence(MemberName)
    /// - from: nil: from whoever is best.
    case reclone(MemberName, from: MemberName?)
    case restartMember(MemberName)
    /// - force: also when commits may have been acknowledged by this member alone.
    case remove(MemberName, force: Bool)
    case restart(RestartCommand)
    case cancelRestart
    case switchover(SwitchoverCommand)
    case cancelSwitchover
    case job(JobKind)
    case cancelJob
    /// The whole cluster is to follow another one.
    /// - remote: without a host: as configured.
    case demote(RemoteCluster)
    case cancelDemotion
    /// The whole cluster is to lead itself.
    /// - token: of the other cluster's demotion; nil: without one, by force only.
    case promote(DemotionToken?, force: Bool)
    case cancelPromotion

    /// One word or two, for ids and logs.
    package var kind: String {
        switch self {
        case .pause: "pause"
        case .resume: "resume"
        case .fence: "fence"
        case .unfence: "unfence"
        case .reclone: "reclone"
        case .restartMember, .restart: "restart"
        case .remove: "remove"
        case .cancelRestart: "cancel-restart"
        case .switchover: "switchover"
        case .cancelSwitchover: "cancel-switchover"
        case .job(let kind): kind.rawValue
        case .cancelJob: "cancel-job"
        case .demote: "demotion"
        case .cancelDemotion: "cancel-demotion"
        case .promote: "promotion"
        case .cancelPromotion: "cancel-promotion"
        }
    }

    /// Unique: `switchover-5-1a2b3c`.
    package func newID(term: UInt64) -> String {
        "\(kind)-\(term)-\(String(UInt64.random(in: 0...UInt64.max), radix: 36))"
    }
}

/// What becomes of a request.
package enum ControlAnswer: Hashable, Sendable {
    /// Recorded and under way; `id` names the transition.
    case accepted(id: String)
    /// Over: there was nothing to do, or something was called off.
    case done(String)
    /// Cannot be done as things are; `hint` says what would help.
    /// - wouldLoseBytes: of WAL, if it were done by force.
    case refused(reason: String, hint: String?, wouldLoseBytes: UInt64? = nil)
    /// What it is about is not there.
    case notFound(reason: String, hint: String?)
    /// Could not be decided now; the same request may succeed later.
    case unavailable(reason: String)
}

/// Carries a request to the supervisor. Must return at once; `reply` may be called later, from any thread. Only the
/// first call within the limit counts.
package typealias ControlHandler =
    @Sendable (_ request: ControlRequest, _ reply: @escaping @Sendable (ControlAnswer) -> Void) -> Void

/// Carries another member's question to the supervisor, in the same way. A reply of nil: it cannot be answered now.
package typealias PeerHandler =
    @Sendable (_ request: PeerRequest, _ reply: @escaping @Sendable (PeerAnswer?) -> Void) -> Void
