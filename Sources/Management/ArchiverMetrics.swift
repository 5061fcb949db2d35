import ClusterModel
import Metrics

/// The metrics of the archiver; absent without an archive.
struct ArchiverMetrics: Sendable {
    /// Why a file was not archived.
    enum Reason: String, MetricLabels, CaseIterable {
        static let names = ["reason"]
        case noLease, unavailable, refused
    }

    private let archived: Counter<NoLabels>
    private let archivedBytes: Counter<NoLabels>
    private let storedBytes: Counter<NoLabels>
    private let failed: Counter<NoLabels>
    private let failures: Counter<Reason>
    private let conflicts: Counter<NoLabels>
    private let waiting: Gauge<NoLabels>
    private let lastSuccessAge: Gauge<NoLabels>
    private let requests: Counter<NoLabels>
    private let retries: Counter<NoLabels>
    private let throttled: Counter<NoLabels>
    private let fetched: Counter<NoLabels>
    private let prefetched: Counter<NoLabels>
    private let fetchFailed: Counter<NoLabels>
    private let tail: TailMetrics

    init(registry: inout MetricsRegistry) {
        archived = registry.counter(
            "pgmahout_archiver_archived_total", "Segments and history files that became durable in the archive.")
        archivedBytes = registry.counter(
            "pgmahout_archiver_archived_bytes_total", "Bytes that became durable in the archive.")
        storedBytes = registry.counter(
            "pgmahout_archiver_stored_bytes_total", "The same bytes as they were stored, compressed.")
        failed = registry.counter("pgmahout_archiver_failed_total", "Failed tries to archive a file.")
        failures = registry.counter(
            "pgmahout_archiver_failures_total",
            "Failed tries by reason. unavailable: the archive; refused: the file, or what the archive holds already.",
            by: Reason.self)
        conflicts = registry.counter(
            "pgmahout_archiver_conflicts_total",
            "Files under whose name the archive holds another content: two primaries, or two clusters.")
        waiting = registry.gauge("pgmahout_archiver_ready_files", "Files that wait for being archived.")
        lastSuccessAge = registry.gauge(
            "pgmahout_archiver_last_success_age_seconds", "Time since a file was last archived.")
        requests = registry.counter("pgmahout_archiver_store_requests_total", "Requests to the object store.")
        retries = registry.counter(
            "pgmahout_archiver_store_retries_total", "Of these, repetitions after errors that may pass.")
        throttled = registry.counter(
            "pgmahout_archiver_store_throttled_total", "Answers of an object store that is too busy.")
        fetched = registry.counter("pgmahout_archiver_fetched_total", "Files that restore_command was given.")
        prefetched = registry.counter(
            "pgmahout_archiver_prefetched_total", "Of these, files that lay ready when they were asked for.")
        fetchFailed = registry.counter(
            "pgmahout_archiver_fetch_failed_total", "Files that the archive neither gave nor denied.")
        tail = TailMetrics(registry: &registry)
    }

    func take(_ status: ArchiveStatus?, secondsSince1970: Double) {
        waiting.set(to: status.map { Double($0.readyCount) })
        lastSuccessAge.set(to: status?.lastArchivedTime.map { max(0, secondsSince1970 - $0) })
        tail.take(status?.tail)
        set(archived, status?.archivedCount)
        set(archivedBytes, status?.archivedBytes)
        set(storedBytes, status.map { $0.storedBytes ?? 0 })
        set(failed, status?.failedCount)
        set(conflicts, status.map { $0.conflicts ?? 0 })
        set(requests, status?.storeRequests)
        set(retries, status?.storeRetries)
        set(throttled, status?.storeThrottled)
        set(fetched, status.map { $0.fetchedCount ?? 0 })
        set(prefetched, status.map { $0.prefetchedCount ?? 0 })
        set(fetchFailed, status.map { $0.fetchFailedCount ?? 0 })
        failures.clear()
        guard let status else { return }
        for reason in Reason.allCases { failures.set(reason, to: Double(status.failures?[reason.rawValue] ?? 0)) }
    }

    private func set(_ counter: Counter<NoLabels>, _ value: UInt64?) {
        if let value { counter.set(to: Double(value)) } else { counter.clear() }
    }
}

/// Of the WAL behind the last whole segment; absent while it is not shipped.
private struct TailMetrics: Sendable {
    private let lagSeconds: Gauge<NoLabels>
    private let lagBytes: Gauge<NoLabels>
    private let pieces: Counter<NoLabels>
    private let bytes: Counter<NoLabels>
    private let failures: Counter<NoLabels>

    init(registry: inout MetricsRegistry) {
        lagSeconds = registry.gauge(
            "pgmahout_archiver_tail_lag_seconds", "For how long flushed WAL has been missing in the archive.")
        lagBytes = registry.gauge("pgmahout_archiver_tail_lag_bytes", "Flushed WAL that is not in the archive.")
        pieces = registry.counter("pgmahout_archiver_tail_pieces_total", "Pieces of the tail that became durable.")
        bytes = registry.counter("pgmahout_archiver_tail_bytes_total", "Their bytes, before compression.")
        failures = registry.counter("pgmahout_archiver_tail_failures_total", "Failed tries to ship the tail.")
    }

    func take(_ status: TailStatus?) {
        lagSeconds.set(to: status?.lagSeconds)
        lagBytes.set(to: status.map { Double($0.lagBytes) })
        guard let status else {
            for counter in [pieces, bytes, failures] { counter.clear() }
            return
        }
        pieces.set(to: Double(status.pieces))
        bytes.set(to: Double(status.bytes))
        failures.set(to: Double(status.failures))
    }
}
