import ClusterModel

/// One safe step at a time from what is to what shall be (docs/leadership.md, 6).
///
/// Two invariants hold after each: the setting overlaps the record (`overlaps`), and every commit that was acknowledged is
/// held by at least `members − votes + 1` of the recorded members (`covers`).
struct SynchronousPlan {
    enum Step: Hashable {
        case record(SynchronousState)
        case setting(SynchronousSetting)
        /// Not before more standbys have flushed what was acknowledged under the present setting.
        case wait
        case done
    }

    var mode: SynchronousMode
    /// As stored; a cluster that was never lossless promises nothing.
    var record: SynchronousState
    /// In effect, for long enough that nothing is acknowledged under an earlier one.
    var setting: SynchronousSetting
    /// The standbys that have flushed all that can have been acknowledged under earlier settings.
    var covered: Set<MemberName>
    var removed: [Guard] = []

    /// - Parameter target: what `synchronous_standby_names` shall be.
    func next(towards target: SynchronousSetting) -> Step {
        let final = Self.final(mode, target)
        if setting == target {
            if record == final { return .done }
            return mayRecord(final) ? .record(final) : .wait
        }
        if overlaps(record, target) { return .setting(target) }
        if mayRecord(final) { return .record(final) }
        let between = between(target)
        if record == between { return .setting(target) }
        return mayRecord(between) ? .record(between) : .wait
    }

    /// The tightest record that goes with a setting.
    static func final(_ mode: SynchronousMode, _ target: SynchronousSetting) -> SynchronousState {
        // Nobody waits for anybody: only the last primary has everything.
        let votes = target.required == 0 ? target.members.count + 1 : max(1, target.members.count - target.required + 1)
        return SynchronousState(mode: mode, members: target.members, votes: votes)
    }

    /// Wide enough for the present setting and for the next one.
    private func between(_ target: SynchronousSetting) -> SynchronousState {
        let all = Set(record.members).union(setting.members).union(target.members)
        let held = max(0, record.members.count - record.votes + 1)
        return SynchronousState(
            mode: mode, members: Array(all), votes: all.count - min(setting.required, target.required, held) + 1)
    }

    private func mayRecord(_ next: SynchronousState) -> Bool {
        overlaps(next, setting) && covers(next)
    }

    /// Any set of standbys that acknowledges shares a member with any set that elects.
    func overlaps(_ record: SynchronousState, _ setting: SynchronousSetting) -> Bool {
        if removed.contains(.overlap) { return true }
        return setting.required + record.votes > Set(record.members).union(setting.members).count
    }

    /// Enough of the next members have what was acknowledged so far: those that had it by the present record, or those
    /// that are known to have flushed it.
    private func covers(_ next: SynchronousState) -> Bool {
        let needed = next.members.count - next.votes + 1
        let left = record.members.count { !next.members.contains($0) }
        if needed <= record.members.count - record.votes + 1 - left { return true }
        return removed.contains(.narrowAfterFlush) || next.members.count(where: covered.contains) >= needed
    }
}
