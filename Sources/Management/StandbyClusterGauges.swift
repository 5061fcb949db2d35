import ClusterModel
import Metrics

/// A cluster that follows another one: all but the first are absent but at its leader.
struct StandbyClusterGauges: Sendable {
    private let follows: Gauge<NoLabels>
    private let leader: Gauge<NoLabels>
    private let healthy: Gauge<NoLabels>
    private let reachable: Gauge<NoLabels>
    private let streaming: Gauge<NoLabels>
    private let lagBytes: Gauge<NoLabels>
    private let lagSeconds: Gauge<NoLabels>
    private let timeline: Gauge<NoLabels>

    init(registry: inout MetricsRegistry) {
        follows = registry.gauge("pgmahout_standby_cluster", "Whether the whole cluster follows another one.")
        leader = registry.gauge(
            "pgmahout_standby_cluster_leader", "Whether this member leads a cluster that follows another one.")
        healthy = registry.gauge(
            "pgmahout_standby_cluster_healthy", "Whether WAL of the other cluster can come: 0 when something is wrong.")
        reachable = registry.gauge(
            "pgmahout_standby_cluster_reachable", "Whether a server of the other cluster answered lately.")
        streaming = registry.gauge(
            "pgmahout_standby_cluster_streaming", "Whether this member streams from the other cluster.")
        lagBytes = registry.gauge(
            "pgmahout_standby_cluster_lag_bytes",
            "Bytes that are not replayed yet of what the other cluster, or its archive, is known to have.")
        lagSeconds = registry.gauge(
            "pgmahout_standby_cluster_lag_seconds",
            "Age of the last transaction that was replayed; 0 while nothing is known to be missing.")
        timeline = registry.gauge(
            "pgmahout_standby_cluster_remote_timeline", "Timeline of the other cluster, as a server of it says.")
    }

    func take(_ snapshot: ManagementSnapshot) {
        let status = snapshot.status.standbyCluster
        follows.set(to: snapshot.cluster.remote != nil)
        leader.set(to: snapshot.status.leadsStandby)
        healthy.set(to: status.map { $0.problem == nil ? 1 : 0 })
        reachable.set(to: status.map { $0.isReachable ? 1 : 0 })
        streaming.set(to: status.map { $0.streaming ? 1 : 0 })
        lagBytes.set(to: status?.lagBytes.map { Double($0) })
        lagSeconds.set(to: status?.lagSeconds)
        timeline.set(to: status?.remoteTimeline.map { Double($0.rawValue) })
    }
}
