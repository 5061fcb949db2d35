import ClusterModel
import Leadership
import Platform

/// The postmaster as PID 1 knows it, from its start to its end.
struct PostgresProcess {
    let process: ProcessID
    let startedAt: Instant
    /// Counts starts; reports of an earlier one are void.
    let run: Int
    let mode: StartMode
    /// It was started as primary, or asked to promote.
    var mayWrite: Bool
    var answered = false
    /// A standby has reached the end of what it had when it was started.
    var knowsItsEnd = false
    var stop: Stop?

    /// An escalation that is under way.
    struct Stop {
        var escalation: Escalation
        var step: Int
        var nextAt: Instant
        var mode: StopMode
        let beganAt: Instant

        /// From when on an orderly stop waits for no archive that stands still: it must not hold up who takes over. Segments
        /// stay `.ready`, and whoever leads next archives them.
        var leavesArchiveAt: Instant? { mode == .orderly ? beganAt + .seconds(1) : nil }
    }
}
