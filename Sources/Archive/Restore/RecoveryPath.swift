import ClusterModel
import ObjectStorage

/// The way that recovery takes from one timeline to its descendants.
package struct RecoveryPath: Hashable, Sendable {
    package struct Span: Hashable, Sendable {
        package let timeline: TimelineID
        package let start: LSN
        /// Where its child begins; nil: the way ends on this timeline.
        package let end: LSN?
    }

    /// Oldest first; never empty.
    package let spans: [Span]
    package let segmentSize: UInt64

    /// From where a backup begins along the ancestry of a timeline; nil when the backup is not on it: another branch, or
    /// it ends behind the fork.
    package init?(from backup: BackupInfo, to history: TimelineHistory) {
        guard let begin = backup.beginLSN, let end = backup.endLSN, let own = backup.timeline else { return nil }
        segmentSize = backup.segmentSize
        if own == history.timeline {
            spans = [Span(timeline: own, start: begin, end: nil)]
            return
        }
        guard let fork = history.end(of: own), end <= fork else { return nil }
        var spans: [Span] = []
        var start = begin
        for ancestor in history.ancestors where ancestor.timeline >= own {
            spans.append(Span(timeline: ancestor.timeline, start: start, end: ancestor.end))
            start = ancestor.end
        }
        spans.append(Span(timeline: history.timeline, start: start, end: nil))
        self.spans = spans
    }

    package var timeline: TimelineID { spans.last?.timeline ?? TimelineID(1) }

    /// The file that the server reads for a stretch of WAL. The one that holds a fork is the child's, which begins with a
    /// copy of its parent's.
    package func segment(_ number: UInt64) -> WALSegment {
        let owner = spans.last { $0.start.rawValue / segmentSize <= number } ?? spans.first
        return WALSegment(timeline: owner?.timeline ?? TimelineID(1), number: number, size: segmentSize)
    }

    /// What can be replayed of it.
    package struct Reach: Hashable, Sendable {
        /// Where unbroken WAL ends, exclusive; the begin when there is none at all.
        package var end: LSN
        /// The last segment of it; nil: not even the first is there.
        package var last: WALSegment?
        /// The first that is missing although later ones are there; nil: nothing is missing.
        package var gap: WALSegment?
        /// The last that is there at all.
        package var newest: WALSegment?
    }

    /// - Parameter archived: segments that are in the archive, of any timeline.
    package func reach(in archived: Set<WALSegment>) -> Reach {
        let start = spans.first?.start ?? .zero
        var reach = Reach(end: start, last: nil, gap: nil, newest: nil)
        // Behind a fork, segments of the parent are of another history.
        let onPath = archived.filter { $0.number >= start.rawValue / segmentSize && segment($0.number) == $0 }
        reach.newest = onPath.max { $0.number < $1.number }
        var number = start.rawValue / segmentSize
        while onPath.contains(segment(number)) {
            reach.last = segment(number)
            reach.end = segment(number).end
            number += 1
        }
        if let newest = reach.newest, newest.number >= number { reach.gap = segment(number) }
        return reach
    }

    /// Lists the segments of the way: one listing for every 4 GiB of it.
    package func archived(
        _ store: any ObjectStore, _ layout: ArchiveLayout, _ timelines: ArchiveTimelines
    ) throws(ObjectStoreError) -> Set<WALSegment> {
        Set(try objects(store, layout, timelines).keys)
    }

    /// As `archived`, with the object of each; `suffix` is that of its codec.
    func objects(
        _ store: any ObjectStore, _ layout: ArchiveLayout, _ timelines: ArchiveTimelines
    ) throws(ObjectStoreError) -> [WALSegment: (object: ObjectInfo, suffix: String)] {
        var found: [WALSegment: (object: ObjectInfo, suffix: String)] = [:]
        let perLog = (UInt64(1) << 32) / segmentSize
        for span in spans {
            let first = span.start.rawValue / segmentSize / perLog
            let last = span.end.map { $0.rawValue / segmentSize / perLog } ?? .max
            for log in timelines.folders[span.timeline] ?? [] where UInt64(log) >= first && UInt64(log) <= last {
                let segment = WALSegment(timeline: span.timeline, number: UInt64(log) * perLog, size: segmentSize)
                for object in try store.listAll(layout.directory(of: .segment(segment))).objects {
                    let name = ArchivedFile.name(of: object.key.name)
                    // Of two forms the later one in this order, gzip's, is the one that is fetched.
                    if let segment = WALSegment(name, size: segmentSize) {
                        found[segment] = (object, String(object.key.name.dropFirst(name.count)))
                    }
                }
            }
        }
        return found
    }
}
