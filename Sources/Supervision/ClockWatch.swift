import ClusterModel

/// Notices that somebody has set the wall clock. Nothing that is safe or not depends on it: the lease and all bounds count
/// `CLOCK_BOOTTIME`, which nobody can set, and no clock is compared with another machine's. But what was asked for at a
/// time of day follows the new clock, and timestamps in logs do. Pure.
struct ClockWatch: Sendable {
    /// More than a clock that is being adjusted slowly drifts between two looks.
    static let tolerance: Int64 = 2000

    private var last: (boot: Instant, wall: Int64)?

    init() {}

    /// - Parameters:
    ///   - boot: what counts.
    ///   - wall: milliseconds since 1970.
    /// - Returns: by how many milliseconds the wall clock was set forward; nil when it was not set.
    mutating func look(boot: Instant, wall: Int64) -> Int64? {
        defer { last = (boot, wall) }
        guard let last else { return nil }
        let jump = wall - last.wall - boot.since(last.boot).milliseconds
        return abs(jump) > Self.tolerance ? jump : nil
    }
}
