import ClusterModel
import Leadership

/// Room on a file system, in bytes.
struct DiskSpace: Hashable, Sendable {
    /// For users that are not root.
    var freeBytes: UInt64
    var sizeBytes: UInt64

    /// With less it counts as full: half a segment of WAL, or a tenth of a very small file system.
    var leastFree: UInt64 { min(8 << 20, sizeBytes / 10) }
}

/// What the disk keeper knows.
struct DiskState: Hashable, Sendable {
    var health: DiskHealth = .fine
    /// Of the data directory's file system; nil until the first probe.
    var space: DiskSpace?
    /// Of the ballast that is there; 0 while it is given up.
    var ballastBytes: UInt64 = 0
    /// Sets of WAL that were kept aside.
    var divergedWALSets = 0
    /// When the last write began that succeeded.
    var provedAt: Instant?
    /// Why it is not fine, or why a probe says nothing; nil when there is nothing to say.
    var problem: String?

    mutating func take(_ result: DiskProbe.Result, begunAt: Instant) {
        if let space = result.space { self.space = space }
        ballastBytes = result.ballastBytes
        divergedWALSets = result.divergedWALSets
        problem = result.problem
        switch result.outcome {
        case .written:
            provedAt = begunAt
            // What was given up is no room to go on with: it is there for the server to recover in.
            if health == .full, !result.hasRoom {
                problem = "the disk was full, and there is not enough room yet: delete something or enlarge the volume"
            } else {
                health = .fine
            }
        case .full: health = .full
        case .refused:
            if case .hung = health {} else { health = .hung(since: begunAt) }
        case .failed: health = .fine
        }
    }

    /// Whether somebody has to hear of `next`: free space changes all the time.
    func isNews(to next: DiskState) -> Bool {
        health != next.health || problem != next.problem || ballastBytes != next.ballastBytes
            || divergedWALSets != next.divergedWALSets || (space == nil) != (next.space == nil)
    }
}
