import ClusterModel

/// Who must have flushed a commit before it is acknowledged, and who may therefore take over (6).
extension Decider {
    /// Primary: keeps record and setting in step with who is there.
    mutating func manageSynchronous(_ record: ClusterRecord, _ running: LocalState.Running) {
        note(running)
        let mode = settings.synchronousMode
        guard mode.isLossless || record.synchronous?.mode.isLossless ?? false else {
            return adapt(mode, record, running)
        }
        guard !local.settingInFlight, !store.writeInFlight, memory.handover == nil, !mayBeGivenAway,
            let setting = memory.setting, setting.setting == running.synchronous, let flushed = setting.flushed
        else { return }
        if !mode.isLossless {
            // Back to a mode that promises nothing: the record first.
            return writeSynchronous(nil, record)
        }
        let present = record.synchronous ?? SynchronousState(mode: mode, members: [], votes: 0)
        // Before the first promise anybody might stand: the setting comes first, and the record says nothing yet.
        let covered = Set(running.replicas.filter { $0.value.streaming && $0.value.flushed >= flushed }.keys)
        let target = wanted(mode, running)
        if record.synchronous == nil || record.synchronous?.mode.isLossless == false {
            if running.synchronous != target { return give(.synchronize(target)) }
            let needed = min(target.required, target.members.count)
            guard target.members.count(where: covered.contains) >= needed else { return }
            return writeSynchronous(SynchronousPlan.final(mode, target), record)
        }
        let plan = SynchronousPlan(
            mode: mode, record: present, setting: running.synchronous, covered: covered, removed: removed)
        switch plan.next(towards: target) {
        case .record(let state): writeSynchronous(state, record)
        case .setting(let setting):
            if holds(.overlap, !isRecordUncertain) { give(.synchronize(setting)) }
        case .wait, .done: break
        }
    }

    /// `off` and `preferred` promise nothing: setting and record follow each other as it comes.
    private mutating func adapt(_ mode: SynchronousMode, _ record: ClusterRecord, _ running: LocalState.Running) {
        let target = mode == .off ? .none : wanted(mode, running)
        if running.synchronous != target, !local.settingInFlight { give(.synchronize(target)) }
        let state = mode == .off ? nil : SynchronousState(mode: mode, members: target.members, votes: 0)
        if record.synchronous != state { writeSynchronous(state, record) }
    }

    private mutating func writeSynchronous(_ state: SynchronousState?, _ record: ClusterRecord) {
        guard !store.writeInFlight, let stored = self.record, stored.holder == me.incarnation else { return }
        var next = renewed(record)
        next.synchronous = state
        if write(next) { memory.recording = Memory.Recording(state: state, sentAt: now) }
    }

    /// The last change of the recorded state was sent, and whether it was applied is not known yet: a setting has to wait
    /// that need not overlap both.
    var isRecordUncertain: Bool {
        guard let sent = memory.recording, let held = store.held else { return false }
        return held.sentAt <= sent.sentAt && record?.synchronous != sent.state
    }

    /// Since when the present setting is in effect, and who streams.
    private mutating func note(_ running: LocalState.Running) {
        if memory.setting?.setting != running.synchronous {
            memory.setting = Memory.SettingInEffect(
                setting: running.synchronous, seenAt: running.provedAt, flushed: nil)
        } else if memory.setting?.flushed == nil,
            running.provedAt >= (memory.setting?.seenAt ?? now) + settings.renewEvery
        {
            // Not at the next look: the processes of a server take a new setting over one after the other.
            memory.setting?.flushed = running.flushed
        }
        for (name, replica) in running.replicas where replica.streaming { memory.streamed[name] = running.provedAt }
    }

    /// Whom commits shall wait for, as things stand.
    private func wanted(_ mode: SynchronousMode, _ running: LocalState.Running) -> SynchronousSetting {
        guard let record = ledRecord else { return .none }
        let counted = Set(running.synchronous.members)
        let count = max(1, settings.synchronousCount)
        // A missing one is waited for longer as long as commits do not hang for it.
        let streaming = counted.count { running.replicas[$0]?.streaming ?? false }
        let patience: Duration = streaming >= running.synchronous.required ? .seconds(10) : settings.renewEvery
        var members: [MemberName] = []
        for (name, member) in record.members {
            guard name != me.name, member.traits.mayBeSynchronous, !record.intent.fenced.contains(name),
                record.electorate.contains(name)
            else { continue }
            if counted.contains(name) {
                let seen = memory.streamed[name] ?? memory.setting?.seenAt ?? now
                if now < seen + patience { members.append(name) }
            } else if let replica = running.replicas[name], replica.streaming,
                running.flushed.bytes(since: replica.flushed) <= 16 << 20
            {
                members.append(name)
            }
        }
        members = acrossZones(members, count, record)
        if mode == .strict {
            // Nobody is dropped for being away when there is none to take the place: commits wait for it anyway.
            if members.count < count {
                members += counted.filter { name in
                    !members.contains(name) && record.members[name]?.traits.mayBeSynchronous ?? false
                        && !record.intent.fenced.contains(name)
                }
            }
            return SynchronousSetting(members: members, required: count)
        }
        return SynchronousSetting(members: members, required: min(count, members.count))
    }

    /// Enough standbys in other zones than the primary's: then those of its own zone are not counted. A commit would be
    /// acknowledged without having left the zone, and with the zone the votes would be lost that a take-over needs.
    private func acrossZones(_ members: [MemberName], _ count: Int, _ record: ClusterRecord) -> [MemberName] {
        guard let zone = me.traits.zone else { return members }
        let others = members.filter { name in record.members[name]?.traits.zone.map { $0 != zone } ?? false }
        return others.count >= count ? others : members
    }

    // MARK: Opening

    /// What the record says of a winner's standbys from the claim on.
    func synchronousAtClaim(
        _ record: ClusterRecord, previous: MemberName?, _ running: LocalState.Running,
        _ votes: [(name: MemberName, status: MemberStatus)], handedOver: Bool
    ) -> SynchronousState? {
        guard let state = record.synchronous, state.mode.isLossless else { return record.synchronous }
        // It led last: nothing was acknowledged since.
        if previous == me.name { return state }
        var members = Set(record.electorate.isEmpty ? votes.map(\.name) : state.members)
        members.remove(me.name)
        // After a hand-over the one that handed over is back in a moment, with everything. After a loss it is not counted
        // on: it enters again like everybody, once it streams.
        if handedOver, let previous, record.members[previous]?.traits.mayBeSynchronous ?? false {
            members.insert(previous)
        }
        // Who has all that the winner has. After a hand-over that is whoever handed over.
        var equals = Set(
            votes.filter { $0.status.timeline == running.timeline && $0.status.flushed ?? .zero >= running.flushed }
                .map(\.name))
        if handedOver, let previous { equals.insert(previous) }
        let shared = min(members.count(where: equals.contains), max(1, settings.synchronousCount))
        let known = removed.contains(.votesAtClaim) ? min(members.count, max(1, settings.synchronousCount)) : shared
        return SynchronousState(mode: state.mode, members: Array(members), votes: members.count - known + 1)
    }

    /// With what the server opens as primary, so that its very first commit waits as all others do. Overlaps the record.
    mutating func prepareOpening(_ record: ClusterRecord) {
        guard !removed.contains(.synchronousAtOpening) else { return }
        // A new cluster in `strict` waits for its first standbys like any other.
        let isNew = record.synchronous == nil && settings.synchronousMode == .strict
        guard var state = isNew ? SynchronousState(mode: .strict, members: [], votes: 1) : record.synchronous else {
            return
        }
        let count = max(1, settings.synchronousCount)
        state.members.removeAll { $0 == me.name }
        let required: Int
        switch state.mode {
        case .off: return
        case .preferred: required = min(count, state.members.count)
        case .quorum: required = min(state.members.count, max(count, state.members.count - state.votes + 1))
        case .strict: required = max(count, state.members.count - state.votes + 1)
        }
        decision.synchronousAtOpening = SynchronousSetting(members: state.members, required: required)
        decision.admitsClientsAtOpening = state.mode != .strict || removed.contains(.clientsWait)
    }

    /// In `strict` nobody sees what is not replicated yet: clients come in once enough standbys have all that was there.
    mutating func admitClients(_ running: LocalState.Running) {
        guard !running.admitsClients else {
            (memory.gate, memory.closedSince) = (nil, nil)
            return
        }
        guard !waitsForHistory(running) else { return }
        let gate = memory.gate ?? running.flushed
        memory.gate = gate
        let setting = running.synchronous
        let caughtUp = setting.members.count { name in
            running.replicas[name].map { $0.streaming && $0.flushed >= gate } ?? false
        }
        if (ledRecord?.synchronous?.mode ?? settings.synchronousMode) != .strict
            || (setting.required > 0 && caughtUp >= setting.required)
        {
            if !local.settingInFlight { give(.admitClients(true)) }
        } else {
            decision.problem = "clients wait until \(setting.required) synchronous standbys are back"
        }
    }

    /// Rule 4: the archive takes the history file of a new timeline only from one. Whoever has stored it may open. Where
    /// another one is there, two have made the same timeline, whatever the record says: a store that went back, or a
    /// second cluster on this archive. Nothing has been acknowledged to a client yet, so it stays closed, and whoever
    /// can take over does so, on a number of its own. An archive that does not answer holds nobody up for longer than
    /// `historyPatience`: the record has promised the number, and the archive is one more net under that.
    private mutating func waitsForHistory(_ running: LocalState.Running) -> Bool {
        guard settings.historyPatience > .zero, running.timeline > TimelineID(1) else { return false }
        let since = memory.closedSince ?? now
        memory.closedSince = since
        switch local.history {
        case .stored(running.timeline): return false
        case .refused(running.timeline):
            decision.problem =
                "the archive holds another history of timeline \(running.timeline): two primaries, or two clusters, have "
                + "made it, and no clients are let in"
            if operation == nil, memory.handover == nil, bestSuccessor() != nil {
                memory.givesUpSince = memory.givesUpSince ?? now
                operate(.stop(.fence))
            }
            return true
        default: break
        }
        guard now < since + settings.historyPatience else { return false }
        wake(at: since + settings.historyPatience)
        decision.problem = "clients wait until the archive has the history of timeline \(running.timeline)"
        return true
    }
}
