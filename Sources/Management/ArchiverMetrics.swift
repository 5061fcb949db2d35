import ClusterModel
import Metrics

/// The metrics of the archiver; absent without an archive.
struct ArchiverMetrics: Sendable {
    private let archived: Counter<NoLabels>
    private let archivedBytes: Counter<NoLabels>
    private let failed: Counter<NoLabels>
    private let waiting: Gauge<NoLabels>
    private let lastSuccessAge: Gauge<NoLabels>

    init(registry: inout MetricsRegistry) {
        archived = registry.counter(
            "pgmahout_archiver_archived_total", "Segments and history files that became durable in the archive.")
        archivedBytes = registry.counter(
            "pgmahout_archiver_archived_bytes_total", "Bytes that became durable in the archive.")
        failed = registry.counter("pgmahout_archiver_failed_total", "Failed tries to archive a file.")
        waiting = registry.gauge("pgmahout_archiver_ready_files", "Files that wait for being archived.")
        lastSuccessAge = registry.gauge(
            "pgmahout_archiver_last_success_age_seconds", "Time since a file was last archived.")
    }

    func take(_ status: ArchiveStatus?, secondsSince1970: Double) {
        waiting.set(to: status.map { Double($0.readyCount) })
        lastSuccessAge.set(to: status?.lastArchivedTime.map { max(0, secondsSince1970 - $0) })
        guard let status else {
            for counter in [archived, archivedBytes, failed] { counter.clear() }
            return
        }
        archived.set(to: Double(status.archivedCount))
        archivedBytes.set(to: Double(status.archivedBytes))
        failed.set(to: Double(status.failedCount))
    }
}
