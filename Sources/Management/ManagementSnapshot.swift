import ClusterModel

/// All that the management interface may say, as PID 1's loop last published it. A value: answering from it waits
/// for nothing.
package struct ManagementSnapshot: Sendable {
    package var status: MemberStatus
    package var cluster: ClusterStatus
    /// When the loop last went round and published this, which must be more often than `ManagementLimits.loopStall`;
    /// the ages in `status` and `cluster` count from here.
    package var loopHeartbeat: Instant
    /// Until when this member holds the lease; nil when it does not.
    package var leaseDeadline: Instant?
    /// Whether start-up is over: there is a data directory, and postgres has answered once.
    package var started = false
    /// nil while nobody has looked.
    package var storage: StorageStatus?
    package var history = TransitionHistory()
    package var jobs = JobsStatus()
    /// nil: this member does not count what is in the archive, or has not yet.
    package var archive: ArchiveSummary?
    /// Orphans that PID 1 has waited for since it started.
    package var orphansReaped: UInt64 = 0

    package init(status: MemberStatus, cluster: ClusterStatus, loopHeartbeat: Instant) {
        self.status = status
        self.cluster = cluster
        self.loopHeartbeat = loopHeartbeat
    }

    /// How long ago the loop published this; zero when the two moments are out of order.
    func age(at now: Instant) -> Duration { max(.zero, now.since(loopHeartbeat)) }

    /// The snapshot as it has to be read at `now`: ages have grown, the lease has less left, and a primary whose lease
    /// has run out, or a member whose loop has stopped, is not ready, whatever was true when the loop published it.
    package func brought(to now: Instant, loopStalledAfter limit: Duration) -> ManagementSnapshot {
        var result = self
        let age = age(at: now)
        result.status.leaseRemainingMilliseconds = leaseDeadline.map { max(0, $0.since(now).milliseconds) }
        result.status.observedMillisecondsAgo = status.observedMillisecondsAgo.map { $0 + age.milliseconds }
        if status.role == .primary, leaseDeadline.map({ now >= $0 }) ?? true {
            result.status.role = .replica
            result.status.refuse("holds no valid lease")
        }
        if age > limit {
            result.status.refuse("the loop of PID 1 has not run for \(age.milliseconds) ms")
        }
        result.cluster.members = cluster.members.map { entry in
            var entry = entry
            if entry.member.name == status.name {
                entry.status = result.status
                entry.reportedMillisecondsAgo = age.milliseconds
            } else {
                entry.reportedMillisecondsAgo = entry.reportedMillisecondsAgo.map { $0 + age.milliseconds }
            }
            return entry
        }
        return result
    }
}

extension MemberStatus {
    fileprivate mutating func refuse(_ reason: String) {
        ready = false
        readyReason = reason
        problem = problem ?? reason
    }
}
