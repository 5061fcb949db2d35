import ClusterModel

/// Members that are made anew, and members that are no more.
extension ControlPlan {
    static func reclone(
        _ name: MemberName, from source: MemberName?, _ id: String, _ view: ControlView
    ) -> ControlPlan {
        let record = view.record
        if let unknown = unknown(name, view) { return unknown }
        guard let holder = record.holder else { return .answer(.unavailable(reason: "nobody leads the cluster now")) }
        guard name != holder.name || record.remote != nil else {
            return refused("\(name) is the primary, whose data is not replaced", "switch over first")
        }
        if let pending = record.intent.reclone[name] {
            return refused("\(name) is being made anew already (\(pending.id))", "wait for it to end")
        }
        if record.intent.fenced.contains(name) { return refused("\(name) is fenced", "unfence it first") }
        guard view.members[name] != nil else {
            return refused("\(name) does not answer", "start it: its pgmahout is what replaces the data")
        }
        if let source {
            if source == name { return refused("\(name) cannot be made from itself", "name another, or none") }
            guard record.members[source] != nil else {
                return refused("\(source) is not a member of the cluster", "members: \(view.memberNames)")
            }
            guard view.members[source] != nil else {
                return refused("\(source) does not answer", "name another, or none")
            }
        }
        return changing(view, then: .accepted(id: id)) {
            $0.intent.reclone[name] = RecloneRequest(id: id, from: source)
        }
    }

    static func remove(_ name: MemberName, force: Bool, _ view: ControlView, _ id: String) -> ControlPlan {
        let record = view.record
        if let unknown = unknown(name, view) { return unknown }
        if record.holder?.name == name {
            return refused(
                "\(name) is the primary, or was and nobody has taken its place yet",
                "switch over first, or stop it and wait until another leads")
        }
        if view.members[name] != nil {
            return refused("\(name) still runs, and would enter itself again", "stop it for good first")
        }
        if !force {
            if record.primary == name {
                return refused(
                    "\(name) led last, and nobody has led since: it may have what no other member has",
                    "start it, or remove it by force, which gives that up")
            }
            if let alone = mayHaveAlone(name, view) { return alone }
        }
        return changing(view, then: .accepted(id: id)) { record in
            record.members[name] = nil
            record.electorate.removeAll { $0 == name }
            record.intent.removed = (record.intent.removed + [name]).sorted()
            record.intent.fenced.removeAll { $0 == name }
            record.intent.reclone[name] = nil
            record.intent.restart?.remaining.removeAll { $0 == name }
            if record.intent.switchover?.to == name { record.intent.switchover = nil }
            if record.primary == name { record.primary = nil }
            // A leader takes it out of what commits wait for by itself, in the order that is safe. Without one nobody
            // can, and what the rest of the voters have is all that is left.
            if !view.hasLeader, var synchronous = record.synchronous, synchronous.members.contains(name) {
                synchronous.members.removeAll { $0 == name }
                synchronous.votes = max(1, min(synchronous.votes, synchronous.members.count))
                record.synchronous = synchronous
            }
        }
    }

    /// Without a leader, a member whose vote counts may be the only one with a commit that was acknowledged.
    private static func mayHaveAlone(_ name: MemberName, _ view: ControlView) -> ControlPlan? {
        guard let synchronous = view.record.synchronous, synchronous.mode.isLossless, !view.hasLeader,
            synchronous.members.contains(name)
        else { return nil }
        return refused(
            "nobody leads, and \(name) may alone have commits that were acknowledged",
            "start it, or remove it by force, which gives those commits up")
    }
}
