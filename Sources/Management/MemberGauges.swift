import ClusterModel
import Metrics

/// The metrics that mirror a snapshot.
struct MemberGauges: Sendable {
    struct InfoLabels: MetricLabels {
        static let names = ["cluster", "member", "system_identifier", "version"]
        let values: [String]
    }

    struct StateLabels: MetricLabels {
        static let names = ["state"]
        let state: MemberState
        var values: [String] { [state.rawValue] }
    }

    private let up: Gauge<NoLabels>
    private let info: Gauge<InfoLabels>
    private let state: Gauge<StateLabels>
    private let primary: Gauge<NoLabels>
    private let ready: Gauge<NoLabels>
    private let candidate: Gauge<NoLabels>
    private let leaseRemaining: Gauge<NoLabels>
    private let term: Gauge<NoLabels>
    private let timeline: Gauge<NoLabels>
    private let flushed: Gauge<NoLabels>
    private let replayed: Gauge<NoLabels>
    private let lag: Gauge<NoLabels>
    private let streaming: Gauge<NoLabels>
    private let members: Gauge<NoLabels>
    private let heartbeatAge: Gauge<NoLabels>
    private let orphansReaped: Counter<NoLabels>
    private let cluster: ClusterGauges
    private let storage: StorageGauges
    private let archiver: ArchiverMetrics
    private let archive: ArchiveGauges

    init(registry: inout MetricsRegistry) {
        up = registry.gauge("pgmahout_up", "Whether postgres runs and answers.")
        info = registry.gauge("pgmahout_info", "Who this member is; always 1.", by: InfoLabels.self)
        state = registry.gauge("pgmahout_state", "1 for the state the member is in.", by: StateLabels.self)
        primary = registry.gauge(
            "pgmahout_primary", "Whether this member holds a valid lease and its postgres is out of recovery.")
        ready = registry.gauge("pgmahout_ready", "What /readyz answers: 1 for ready.")
        candidate = registry.gauge("pgmahout_candidate", "Whether this member would stand for election.")
        leaseRemaining = registry.gauge(
            "pgmahout_lease_remaining_seconds", "Time until the lease ends unless renewed; absent without a lease.")
        term = registry.gauge("pgmahout_term", "Changes of the lease's holder since the cluster was made.")
        timeline = registry.gauge("pgmahout_timeline", "The timeline of the local postgres.")
        flushed = registry.gauge(
            "pgmahout_wal_flushed_bytes", "Position in the write-ahead log up to which it is durable here.")
        replayed = registry.gauge("pgmahout_wal_replayed_bytes", "Position up to which a replica has replayed.")
        lag = registry.gauge(
            "pgmahout_replication_lag_bytes", "Bytes a replica is behind the last known position of the primary.")
        streaming = registry.gauge("pgmahout_replication_streaming", "Whether a replica's WAL receiver streams.")
        members = registry.gauge("pgmahout_members", "Members in the cluster record.")
        heartbeatAge = registry.gauge(
            "pgmahout_loop_heartbeat_age_seconds", "Time since the loop of PID 1 last went round.")
        orphansReaped = registry.counter(
            "pgmahout_orphans_reaped_total", "Processes that PID 1 waited for without having started them.")
        cluster = ClusterGauges(registry: &registry)
        storage = StorageGauges(registry: &registry)
        archiver = ArchiverMetrics(registry: &registry)
        archive = ArchiveGauges(registry: &registry)
    }

    func take(_ snapshot: ManagementSnapshot, at now: Instant, secondsSince1970: Double) {
        let status = snapshot.status
        up.set(to: [.running, .streaming, .promoting].contains(status.state))
        // The system identifier becomes known later: its series must replace the one without it.
        info.clear()
        info.set(
            InfoLabels(values: [
                status.cluster, status.name.rawValue, status.systemIdentifier?.description ?? "", status.version,
            ]), to: 1)
        for state in MemberState.allCases {
            self.state.set(StateLabels(state: state), to: status.state == state ? 1 : 0)
        }
        primary.set(to: status.role == .primary)
        ready.set(to: status.ready)
        candidate.set(to: status.candidate)
        leaseRemaining.set(to: snapshot.leaseDeadline.map { max(0, $0.since(now).inSeconds) })
        term.set(to: Double(status.term))
        timeline.set(to: status.timeline.map { Double($0.rawValue) })
        flushed.set(to: status.flushed.map { Double($0.rawValue) })
        replayed.set(to: status.replayed.map { Double($0.rawValue) })
        lag.set(to: status.lagBytes.map { Double($0) })
        streaming.set(to: status.streaming)
        members.set(to: Double(snapshot.cluster.members.count))
        heartbeatAge.set(to: snapshot.age(at: now).inSeconds)
        orphansReaped.set(to: Double(snapshot.orphansReaped))
        cluster.take(snapshot)
        storage.take(snapshot.storage)
        archive.take(snapshot)
        archiver.take(status.archive, secondsSince1970: secondsSince1970)
    }
}
