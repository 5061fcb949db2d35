import ClusterModel

/// What is known when a request is judged.
package struct ControlView: Sendable {
    let record: ClusterRecord
    /// What members that answer say of themselves.
    let members: [MemberName: MemberStatus]
    let maximumLag: UInt64
    let wallClock: Int64
    /// What the configuration of the member that was asked says of another cluster.
    let standbySource: StandbySource?

    /// - Parameters:
    ///   - members: every report that is fresh, this member's own included; who is not in it does not answer.
    ///   - maximumLag: in bytes.
    ///   - wallClock: milliseconds since 1970.
    package init(
        record: ClusterRecord, members: [MemberName: MemberStatus], maximumLag: UInt64, wallClock: Int64,
        standbySource: StandbySource? = nil
    ) {
        self.record = record
        self.members = members
        self.maximumLag = maximumLag
        self.wallClock = wallClock
        self.standbySource = standbySource
    }

    /// The holder answers and says that it leads.
    var hasLeader: Bool {
        guard let holder = record.holder, let status = members[holder.name] else { return false }
        return status.role == .primary || status.leadsStandby
    }

    /// The furthest position of the primary that is known from any side.
    var primaryPosition: LSN? {
        let reported = record.holder.flatMap { members[$0.name]?.flushed }
        return [reported, record.flushed].compactMap { $0 }.max()
    }

    /// Bytes of the primary's WAL that the member lacks; nil when not known.
    func behind(_ status: MemberStatus) -> UInt64? {
        guard let flushed = status.flushed, let primary = primaryPosition else { return nil }
        return primary.bytes(since: flushed)
    }

    var memberNames: String { record.members.keys.sorted().map(\.rawValue).joined(separator: ", ") }
}

/// What becomes of the record by a request: pure, so that any member can judge it, again after every conflict.
package enum ControlPlan: Hashable, Sendable {
    /// Nothing is to be written.
    case answer(ControlAnswer)
    /// The record is to become this one, by compare-and-swap on the version that was judged; the answer is good once
    /// that has succeeded.
    case write(ClusterRecord, then: ControlAnswer)

    package static func make(_ request: ControlRequest, id: String, view: ControlView) -> ControlPlan {
        switch request {
        case .pause: setPaused(true, id, view)
        case .resume: setPaused(false, id, view)
        case .fence(let name): fence(name, id, view)
        case .unfence(let name): unfence(name, id, view)
        case .reclone(let name, let source): reclone(name, from: source, id, view)
        case .restartMember(let name): restart(name, id, view)
        case .remove(let name, let force): remove(name, force: force, view, id)
        case .restart(let command): restart(command, id, view)
        case .cancelRestart: cancelRestart(view)
        case .switchover(let command): switchover(command, id, view)
        case .cancelSwitchover: cancelSwitchover(view)
        case .job(let kind): begin(kind, id, view)
        case .cancelJob: cancelJob(view)
        case .demote(let remote): demote(remote, id, view)
        case .cancelDemotion: cancelDemotion(view)
        case .promote(let token, let force): promote(token, force: force, id, view)
        case .cancelPromotion: cancelPromotion(view)
        }
    }

    static func refused(_ reason: String, _ hint: String? = nil, wouldLose bytes: UInt64? = nil) -> ControlPlan {
        .answer(.refused(reason: reason, hint: hint, wouldLoseBytes: bytes))
    }

    static func notFound(_ reason: String, _ hint: String? = nil) -> ControlPlan {
        .answer(.notFound(reason: reason, hint: hint))
    }

    /// nil when the record has such a member.
    static func unknown(_ name: MemberName, _ view: ControlView) -> ControlPlan? {
        guard view.record.members[name] == nil else { return nil }
        return notFound("\(name) is not a member of the cluster", "members: \(view.memberNames)")
    }

    /// Why a time cannot be waited for; nil when it can.
    static func badMoment(_ moment: Int64?, _ view: ControlView) -> ControlPlan? {
        guard let moment else { return nil }
        if moment <= view.wallClock {
            return refused("the time is over already", "leave 'at' out to begin at once")
        }
        guard moment - view.wallClock <= 366 * 86_400_000 else {
            return refused("the time is more than a year ahead", "'at' is in milliseconds since 1970, or ISO 8601")
        }
        return nil
    }

    static func changing(
        _ view: ControlView, then answer: ControlAnswer, _ change: (inout ClusterRecord) -> Void
    ) -> ControlPlan {
        var record = view.record
        change(&record)
        return .write(record, then: answer)
    }

    // MARK: Pause, fences

    private static func setPaused(_ paused: Bool, _ id: String, _ view: ControlView) -> ControlPlan {
        guard view.record.intent.paused != paused else {
            return .answer(.done(paused ? "the cluster is paused already" : "the cluster is not paused"))
        }
        return changing(view, then: .accepted(id: id)) { $0.intent.paused = paused }
    }

    private static func fence(_ name: MemberName, _ id: String, _ view: ControlView) -> ControlPlan {
        if let unknown = unknown(name, view) { return unknown }
        guard !view.record.intent.fenced.contains(name) else { return .answer(.done("\(name) is fenced already")) }
        return changing(view, then: .accepted(id: id)) {
            $0.intent.fenced = ($0.intent.fenced + [name]).sorted()
        }
    }

    private static func unfence(_ name: MemberName, _ id: String, _ view: ControlView) -> ControlPlan {
        // Also of a member that is gone: what is left of it must not stay for ever.
        guard view.record.intent.fenced.contains(name) else {
            return unknown(name, view) ?? .answer(.done("\(name) is not fenced"))
        }
        return changing(view, then: .accepted(id: id)) { $0.intent.fenced.removeAll { $0 == name } }
    }

    // MARK: Restarts

    private static func restart(_ name: MemberName, _ id: String, _ view: ControlView) -> ControlPlan {
        if let unknown = unknown(name, view) { return unknown }
        if let busy = restartUnderWay(view) { return busy }
        if view.record.intent.fenced.contains(name) {
            return refused("\(name) is fenced, so its server does not run", "unfence it instead")
        }
        guard view.members[name] != nil else {
            return refused("\(name) does not answer", "its server starts with the new settings when it comes back")
        }
        return changing(view, then: .accepted(id: id)) {
            $0.intent.restart = RestartRequest(id: id, remaining: [name])
        }
    }

    private static func restart(_ command: RestartCommand, _ id: String, _ view: ControlView) -> ControlPlan {
        if let bad = badMoment(command.at, view) { return bad }
        if let busy = restartUnderWay(view) { return busy }
        var names = view.record.members.keys.filter { !view.record.intent.fenced.contains($0) }
        // Whoever is down now starts with the new settings anyway. What will be then is not known of a later time.
        if command.at == nil {
            names = names.filter { view.members[$0] != nil }
            guard !names.isEmpty else { return .answer(.unavailable(reason: "no member answers")) }
            if command.onlyIfPending {
                names = names.filter { view.members[$0]?.pendingRestart == true }
                guard !names.isEmpty else { return .answer(.done("no member waits for a restart")) }
            }
        }
        return changing(view, then: .accepted(id: id)) {
            $0.intent.restart = RestartRequest(
                id: id, remaining: names, onlyIfPending: command.onlyIfPending, notBefore: command.at)
        }
    }

    private static func restartUnderWay(_ view: ControlView) -> ControlPlan? {
        view.record.intent.restart.map {
            refused(
                "the restart \($0.id) is \($0.notBefore == nil ? "under way" : "scheduled")",
                "wait for it to end, or cancel it: DELETE /v1/restart")
        }
    }

    private static func cancelRestart(_ view: ControlView) -> ControlPlan {
        guard let restart = view.record.intent.restart else { return notFound("no restart is under way or scheduled") }
        return changing(view, then: .done("\(restart.id) is cancelled")) { $0.intent.restart = nil }
    }
}
