import ClusterModel
import Metrics

/// What operators asked for, and what commits wait for, as this member reads it from the record.
struct ClusterGauges: Sendable {
    private let paused: Gauge<NoLabels>
    private let fenced: Gauge<NoLabels>
    private let pendingRestart: Gauge<NoLabels>
    private let synchronousMembers: Gauge<NoLabels>
    private let synchronousVotes: Gauge<NoLabels>
    private let synchronous: Gauge<NoLabels>
    private let standby: StandbyClusterGauges

    init(registry: inout MetricsRegistry) {
        paused = registry.gauge("pgmahout_paused", "Whether the cluster is paused for maintenance.")
        fenced = registry.gauge("pgmahout_fenced", "Whether a person stopped this member's postgres.")
        pendingRestart = registry.gauge(
            "pgmahout_pending_restart", "Whether settings of this member's postgres wait for a restart.")
        synchronousMembers = registry.gauge(
            "pgmahout_synchronous_members", "Standbys in the record that acknowledge commits; absent in mode off.")
        synchronousVotes = registry.gauge(
            "pgmahout_synchronous_votes",
            "Votes of them that a take-over needs; more than there are: only the last primary may lead.")
        synchronous = registry.gauge(
            "pgmahout_synchronous", "Whether this member is one of the standbys that acknowledge commits.")
        standby = StandbyClusterGauges(registry: &registry)
    }

    func take(_ snapshot: ManagementSnapshot) {
        let cluster = snapshot.cluster
        let state = cluster.synchronous.flatMap { $0.mode == .off ? nil : $0 }
        standby.take(snapshot)
        paused.set(to: cluster.intent.paused)
        fenced.set(to: snapshot.status.isFenced)
        pendingRestart.set(to: snapshot.status.pendingRestart)
        synchronousMembers.set(to: state.map { Double($0.members.count) })
        synchronousVotes.set(to: state.map { Double($0.votes) })
        synchronous.set(to: state.map { $0.members.contains(snapshot.status.name) ? 1 : 0 })
    }
}

/// The disk of the data directory; absent while nobody has looked.
struct StorageGauges: Sendable {
    private let free: Gauge<NoLabels>
    private let size: Gauge<NoLabels>
    private let full: Gauge<NoLabels>
    private let hung: Gauge<NoLabels>
    private let ballast: Gauge<NoLabels>
    private let divergedWAL: Gauge<NoLabels>

    init(registry: inout MetricsRegistry) {
        free = registry.gauge(
            "pgmahout_disk_free_bytes", "Free bytes on the file system of the data directory, without the ballast.")
        size = registry.gauge("pgmahout_disk_size_bytes", "Size of the file system of the data directory.")
        full = registry.gauge("pgmahout_disk_full", "Whether there is no room for postgres to write.")
        hung = registry.gauge("pgmahout_disk_hung", "Whether a write to the disk has not come back.")
        ballast = registry.gauge(
            "pgmahout_ballast_bytes", "Bytes that are kept back on that disk; less than configured once it was full.")
        divergedWAL = registry.gauge(
            "pgmahout_diverged_wal_sets", "Sets of WAL that nobody had received, kept when this member rejoined.")
    }

    func take(_ status: StorageStatus?) {
        free.set(to: status.map { Double($0.freeBytes) })
        size.set(to: status.map { Double($0.sizeBytes) })
        full.set(to: status.map { $0.isFull ? 1 : 0 })
        hung.set(to: status.map { $0.isHung ? 1 : 0 })
        ballast.set(to: status.map { Double($0.ballastBytes) })
        divergedWAL.set(to: status.map { Double($0.divergedWALSets) })
    }
}
