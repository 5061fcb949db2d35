import ClusterModel

extension ControlPlan {
    /// Bound of a whole switchover in milliseconds, from when the primary begins with it.
    private static let deadline: Int64 = 60_000

    static func switchover(_ command: SwitchoverCommand, _ id: String, _ view: ControlView) -> ControlPlan {
        let record = view.record
        guard let holder = record.holder else { return .answer(.unavailable(reason: "nobody leads the cluster now")) }
        if let from = command.from, from != holder.name {
            return refused("\(from) is not the primary", "the primary is \(holder.name); leave 'from' out")
        }
        if let to = command.to, record.members[to] == nil {
            return refused("\(to) is not a member of the cluster", "members: \(view.memberNames)")
        }
        if command.to == holder.name { return refused("\(holder.name) is the primary already") }
        if let pending = record.intent.switchover {
            return refused(
                "the switchover \(pending.id) is \(pending.notBefore == nil ? "under way" : "scheduled")",
                "wait for it to end, or cancel it: DELETE /v1/switchover")
        }
        if let busy = clusterSwitchUnderWay(view) { return busy }
        if let restart = record.intent.restart, restart.notBefore == nil {
            return refused(
                "the restart \(restart.id) is under way, which switches over by itself",
                "wait for it to end, or cancel it: DELETE /v1/restart")
        }
        if let bad = badMoment(command.at, view) { return bad }
        if let unfit = unfit(command, holder: holder.name, view) { return unfit }
        return changing(view, then: .accepted(id: id)) {
            $0.intent.switchover = SwitchoverRequest(
                id: id, from: holder.name, to: command.to, deadlineMilliseconds: deadline, notBefore: command.at,
                force: command.force)
        }
    }

    static func cancelSwitchover(_ view: ControlView) -> ControlPlan {
        guard let pending = view.record.intent.switchover else {
            return notFound("no switchover is under way or scheduled")
        }
        return changing(view, then: .done("\(pending.id) is cancelled")) { $0.intent.switchover = nil }
    }

    private static func unfit(_ command: SwitchoverCommand, holder: MemberName, _ view: ControlView) -> ControlPlan? {
        guard let to = command.to else {
            if command.force { return refused("by force only a named member takes over", "name it with 'to'") }
            // Who is fit at a later time is seen then.
            return command.at == nil ? nobodyFit(holder: holder, view) : nil
        }
        if view.record.intent.fenced.contains(to) { return refused("\(to) is fenced", "unfence it first") }
        guard command.at == nil, let lack = lack(of: to, view) else { return nil }
        let others = fit(holder: holder, view)
        let alternative = others.isEmpty ? "" : ", or name \(others.map(\.rawValue).joined(separator: " or "))"
        guard let bytes = lack.bytes else { return refused("\(to) \(lack.reason)", "wait for it\(alternative)") }
        if command.force { return nil }
        return refused(
            "\(to) \(lack.reason)",
            "wait until it has caught up\(alternative); by force, what it lacks by then is lost", wouldLose: bytes)
    }

    private static func nobodyFit(holder: MemberName, _ view: ControlView) -> ControlPlan? {
        guard fit(holder: holder, view).isEmpty else { return nil }
        let reasons = view.record.members.keys.sorted().filter { $0 != holder }.map { name in
            "\(name) \(unwilling(name, view) ?? lack(of: name, view)?.reason ?? "is unfit")"
        }
        return refused(
            "no member can take over", reasons.isEmpty ? "there is no other member" : reasons.joined(separator: "; "))
    }

    /// Who could take over now without being named.
    private static func fit(holder: MemberName, _ view: ControlView) -> [MemberName] {
        view.record.members.keys.sorted().filter {
            $0 != holder && unwilling($0, view) == nil && lack(of: $0, view) == nil
        }
    }

    /// Why a member does not take over unless it is named; nil when it does.
    private static func unwilling(_ name: MemberName, _ view: ControlView) -> String? {
        if view.record.intent.fenced.contains(name) { return "is fenced" }
        guard let traits = view.record.members[name]?.traits else { return "is not a member of the cluster" }
        if traits.noFailover { return "is marked noFailover" }
        return traits.mayStand ? nil : "replays with a delay"
    }

    /// What keeps a member from taking over without loss; nil when nothing does.
    /// - bytes: that would be lost by force; nil when not even force helps.
    private static func lack(of name: MemberName, _ view: ControlView) -> (reason: String, bytes: UInt64?)? {
        guard let status = view.members[name] else { return ("does not answer", nil) }
        if status.diskFull { return ("has no room on its disk", nil) }
        guard let behind = view.behind(status) else { return (status.problem ?? "has no known position", nil) }
        guard status.streaming else { return ("does not stream from the primary", behind) }
        // As it sees itself: positions that two members reported at different times say little under load.
        let lag = status.lagBytes ?? behind
        return lag > view.maximumLag ? ("is \(lag) bytes behind, more than maximumLag", lag) : nil
    }
}
