import ClusterModel

/// Which of two clusters is written to.
extension ControlPlan {
    /// Bound of the stop in milliseconds, from when the primary begins with it.
    private static let demotionDeadline: Int64 = 120_000
    /// How long the WAL that a token speaks of is waited for.
    private static let promotionDeadline: Int64 = 600_000

    static func demote(_ remote: RemoteCluster, _ id: String, _ view: ControlView) -> ControlPlan {
        let record = view.record
        if let busy = clusterSwitchUnderWay(view) { return busy }
        if remote.host == nil, view.standbySource == nil {
            return refused(
                "it is not known whom this cluster shall follow",
                "configure standbyCluster on all members, or say it: --to HOST:PORT")
        }
        if record.remote != nil {
            guard record.remote != remote else {
                return .answer(.done("the cluster follows that one already"))
            }
            // Nobody writes here: it only turns to another one.
            return changing(view, then: .done("the cluster follows another one from now on")) { $0.remote = remote }
        }
        if record.intent.paused { return refused("the cluster is paused", "resume it first") }
        if let switchover = record.intent.switchover {
            return refused("the switchover \(switchover.id) is under way or scheduled", "wait for it, or cancel it")
        }
        if let restart = record.intent.restart {
            return refused("the restart \(restart.id) is under way or scheduled", "wait for it, or cancel it")
        }
        guard view.hasLeader else { return .answer(.unavailable(reason: "nobody leads the cluster now")) }
        return changing(view, then: .accepted(id: id)) {
            $0.intent.demotion = DemotionRequest(id: id, remote: remote, deadlineMilliseconds: demotionDeadline)
        }
    }

    static func promote(
        _ token: DemotionToken?, force: Bool, _ id: String, _ view: ControlView
    ) -> ControlPlan {
        let record = view.record
        guard record.remote != nil else {
            return refused("the cluster leads itself already", "only one that follows another is promoted")
        }
        if let busy = clusterSwitchUnderWay(view) { return busy }
        if record.intent.paused { return refused("the cluster is paused", "resume it first") }
        if let token, let system = record.systemIdentifier, system != token.systemIdentifier {
            return refused(
                "the token is of the system \(token.systemIdentifier), and this cluster is of \(system)",
                "use the token that the demotion of the other cluster gave")
        }
        if token == nil, !force { return withoutToken(view) }
        return changing(view, then: .accepted(id: id)) {
            $0.intent.promotion = PromotionRequest(id: id, token: token, deadlineMilliseconds: promotionDeadline)
        }
    }

    private static func withoutToken(_ view: ControlView) -> ControlPlan {
        let leader = view.record.holder.flatMap { view.members[$0.name] }
        let lag = leader?.standbyCluster?.lagBytes
        return refused(
            "without a token nobody knows what is lost: "
                + (lag.map { "at least \($0) bytes of WAL, as far as is known" } ?? "how far this cluster is behind")
                + "; and both clusters are written to while the other one leads",
            "demote the other cluster and use its token; if it is gone for good, promote by force", wouldLose: lag)
    }

    static func cancelDemotion(_ view: ControlView) -> ControlPlan {
        guard let pending = view.record.intent.demotion else { return notFound("no demotion is under way") }
        return changing(view, then: .done("\(pending.id) is cancelled")) { $0.intent.demotion = nil }
    }

    static func cancelPromotion(_ view: ControlView) -> ControlPlan {
        guard let pending = view.record.intent.promotion else { return notFound("no promotion is under way") }
        return changing(view, then: .done("\(pending.id) is cancelled")) { $0.intent.promotion = nil }
    }

    /// nil when neither is asked for.
    static func clusterSwitchUnderWay(_ view: ControlView) -> ControlPlan? {
        if let pending = view.record.intent.demotion {
            return refused("the demotion \(pending.id) is under way", "wait for it, or cancel it: DELETE /v1/demote")
        }
        if let pending = view.record.intent.promotion {
            return refused("the promotion \(pending.id) is under way", "wait for it, or cancel it: DELETE /v1/promote")
        }
        return nil
    }
}
