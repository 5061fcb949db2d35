import ClusterModel

/// The names in `pg_wal/archive_status`.
struct ArchiveStatusFiles: Hashable {
    /// Files that PostgreSQL wants to have archived.
    private(set) var ready: [WALFileName] = []
    /// Files that it does not: archived already, or received from another server.
    private(set) var done: [WALFileName] = []

    init(_ names: some Sequence<String>) {
        for name in names {
            if name.hasSuffix(".ready"), let file = WALFileName(ofAnySize: name.dropLast(6)) { ready.append(file) }
            if name.hasSuffix(".done"), let file = WALFileName(ofAnySize: name.dropLast(5)) { done.append(file) }
        }
    }

    /// nil while there is only the first, which has no history.
    var newestTimeline: TimelineID? {
        (ready + done).compactMap { if case .history(let timeline) = $0 { timeline } else { nil } }.max()
    }

    /// What a promoted standby has of the timelines before, complete and final: WAL that it received counts as `.done`
    /// here, whether the former primary had archived it or not.
    ///
    /// A segment is complete only if its timeline went on to its end: the receiver marks the last one of a timeline
    /// `.done` as well, and that is a `.partial` file for the archive.
    func archivable(behind history: TimelineHistory, segmentSize: UInt64) -> [WALFileName] {
        done.filter { name in
            switch name {
            case .history(let timeline): timeline == history.timeline || history.end(of: timeline) != nil
            case .segment:
                WALSegment(name.description, size: segmentSize).map { segment in
                    history.end(of: segment.timeline).map { segment.end <= $0 } ?? false
                } ?? false
            case .partial, .backup: false
            }
        }
    }
}
