import ClusterModel
import Metrics

/// What is in the archive, on the member that leads; and what became of jobs, on every member. Absent where not known.
struct ArchiveGauges: Sendable {
    struct KindLabels: MetricLabels {
        static let names = ["kind"]
        let kind: JobKind
        var values: [String] { [kind.rawValue] }
    }

    struct StatusLabels: MetricLabels {
        static let names = ["status"]
        let status: String
        var values: [String] { [status] }
    }

    private let values: [(Gauge<NoLabels>, @Sendable (ArchiveSummary) -> Double?)]
    private let backups: Gauge<StatusLabels>
    private let lastFailedBackup: Gauge<NoLabels>
    private let running: Gauge<KindLabels>
    private let progress: Gauge<KindLabels>
    private let lastGood: Gauge<KindLabels>
    private let lastFailed: Gauge<KindLabels>
    private let duration: Gauge<KindLabels>

    init(registry: inout MetricsRegistry) {
        @Sendable func seconds(_ moment: Int64?) -> Double? { moment.map { Double($0) / 1000 } }
        var values: [(Gauge<NoLabels>, @Sendable (ArchiveSummary) -> Double?)] = []
        func add(_ name: String, _ help: String, _ value: @escaping @Sendable (ArchiveSummary) -> Double?) {
            values.append((registry.gauge(name, help), value))
        }
        add("pgmahout_archive_inspected_timestamp_seconds", "When the archive was counted.") { seconds($0.takenAt) }
        add("pgmahout_archive_first_recoverable_timestamp_seconds", "Earliest moment that can be recovered to.") {
            seconds($0.firstRecoverable)
        }
        add("pgmahout_archive_last_recoverable_timestamp_seconds", "When the newest WAL reached the archive.") {
            seconds($0.lastRecoverable)
        }
        add("pgmahout_archive_backup_bytes", "Stored bytes of all backups.") { Double($0.backupBytes) }
        add("pgmahout_archive_wal_files", "WAL files in the archive.") { Double($0.walFiles) }
        add("pgmahout_archive_wal_bytes", "Stored bytes of WAL.") { Double($0.walBytes) }
        add("pgmahout_archive_missing_segments", "WAL segments missing behind the oldest backup.") {
            Double($0.missingSegments)
        }
        add("pgmahout_archive_last_backup_timestamp_seconds", "When the newest good backup was finished.") {
            seconds($0.lastBackupAt)
        }
        add("pgmahout_archive_last_backup_duration_seconds", "How long it took.") { $0.lastBackupSeconds }
        add("pgmahout_archive_last_backup_bytes", "Its stored bytes.") { $0.lastBackupBytes.map { Double($0) } }
        add("pgmahout_archive_dumps", "Logical dumps in the archive.") { Double($0.dumps) }
        add("pgmahout_archive_dump_bytes", "Their stored bytes.") { Double($0.dumpBytes) }
        add("pgmahout_archive_last_dump_timestamp_seconds", "When the newest was finished.") { seconds($0.lastDumpAt) }
        add("pgmahout_archive_last_drill_success", "1 when the last restore drill succeeded.") {
            $0.drill.map { $0.succeeded ? 1 : 0 }
        }
        add("pgmahout_archive_last_drill_timestamp_seconds", "When it ended.") { seconds($0.drill?.finishedAt) }
        add("pgmahout_archive_last_drill_duration_seconds", "How long it took.") { $0.drill?.seconds }
        // As CloudNativePG's dashboards and alerts call them; 0 is their word for never.
        add("cnpg_collector_first_recoverability_point", "Earliest moment that can be recovered to, or 0.") {
            seconds($0.firstRecoverable) ?? 0
        }
        add("cnpg_collector_last_available_backup_timestamp", "When the newest good backup was finished, or 0.") {
            seconds($0.lastBackupAt) ?? 0
        }
        lastFailedBackup = registry.gauge(
            "cnpg_collector_last_failed_backup_timestamp", "When the last backup failed, or 0.")
        self.values = values
        backups = registry.gauge("pgmahout_archive_backups", "Backups in the archive.", by: StatusLabels.self)
        running = registry.gauge(
            "pgmahout_job_running", "1 while a job of this kind is under way.", by: KindLabels.self)
        progress = registry.gauge("pgmahout_job_progress_ratio", "How much of it is done.", by: KindLabels.self)
        lastGood = registry.gauge(
            "pgmahout_job_last_success_timestamp_seconds", "When a job of this kind last succeeded.",
            by: KindLabels.self)
        lastFailed = registry.gauge(
            "pgmahout_job_last_failure_timestamp_seconds",
            "When the last job of this kind ended, if it failed or was lost.", by: KindLabels.self)
        duration = registry.gauge(
            "pgmahout_job_last_duration_seconds", "How long the last one that succeeded took.", by: KindLabels.self)
    }

    /// Ours leave nothing in the archive when they fail: the book of jobs knows of them.
    private static func lastFailure(_ archive: ArchiveSummary, _ book: JobBook) -> Double {
        let ended = book.last[.backup].flatMap { [.failed, .lost].contains($0.outcome) ? $0.finishedAt : nil }
        return Double(max(archive.lastFailedBackupAt ?? 0, ended ?? 0)) / 1000
    }

    func take(_ snapshot: ManagementSnapshot) {
        for (gauge, value) in values { gauge.set(to: snapshot.archive.flatMap(value)) }
        lastFailedBackup.set(to: snapshot.archive.map { Self.lastFailure($0, snapshot.jobs.book) })
        backups.clear()
        if let archive = snapshot.archive {
            for (status, count) in [
                ("good", archive.backups), ("failed", archive.failedBackups), ("unfinished", archive.unfinishedBackups),
                ("unreadable", archive.unreadableBackups),
            ] { backups.set(StatusLabels(status: status), to: Double(count)) }
        }
        for gauge in [progress, lastGood, lastFailed, duration] { gauge.clear() }
        let book = snapshot.jobs.book
        for kind in JobKind.allCases {
            let label = KindLabels(kind: kind)
            running.set(label, to: book.running?.kind == kind ? 1 : 0)
            if let report = snapshot.jobs.progress, report.kind == kind, report.bytesTotal > 0 {
                progress.set(label, to: min(1, Double(report.bytesDone) / Double(report.bytesTotal)))
            }
            if let good = book.lastGood[kind] {
                lastGood.set(label, to: Double(good.finishedAt) / 1000)
                duration.set(label, to: Double(max(0, good.finishedAt - good.startedAt)) / 1000)
            }
            if let last = book.last[kind], [.failed, .lost].contains(last.outcome) {
                lastFailed.set(label, to: Double(last.finishedAt) / 1000)
            }
        }
    }
}
