import ClusterModel
import Compression
import ObjectStorage

/// The WAL of a backup in the archive: which segments there should be, and which there are.
struct CheckedWAL: Sendable {
    struct Segment: Hashable, Sendable {
        let segment: WALSegment
        let object: ObjectInfo
        /// Of the codec.
        let suffix: String
    }

    /// Those whose content is to be read.
    private(set) var toRead: [Segment] = []
    private let backup: BackupInfo

    /// More gaps are counted only.
    private static let mostGaps = 1000

    /// Looks for segments by listings alone.
    init(
        _ backup: BackupInfo, _ store: any ObjectStore, _ layout: ArchiveLayout, _ timelines: ArchiveTimelines,
        _ catalogue: BackupCatalogue, isWithinAll: Bool, readsAll: Bool, into check: inout BackupCheck
    ) throws {
        self.backup = backup
        guard let begin = backup.beginWAL, let end = backup.endWAL, let own = backup.timeline,
            let path = Self.path(from: backup, timelines)
        else { return }
        check.timeline = path.timeline
        let objects = try path.objects(store, layout, timelines)
        // At a fork the end may be in its parent's segment, and in the child's copy of it.
        func there(_ number: UInt64) -> WALSegment? {
            let onPath = path.segment(number)
            if objects[onPath] != nil { return onPath }
            let parents = WALSegment(timeline: own, number: number, size: backup.segmentSize)
            return number <= end.number && objects[parents] != nil ? parents : nil
        }
        let numbers = Set(objects.keys.map(\.number)).filter { $0 >= begin.number }.sorted()
        var last = end.number
        switch try Self.reach(of: backup, catalogue, timelines, store, layout, isWithinAll: isWithinAll) {
        case .end: break
        case .next(let number): last = max(last, number > 0 ? number - 1 : 0)
        case .archive: last = max(last, numbers.last { there($0) != nil } ?? 0)
        }
        let present = numbers.filter { $0 <= last && there($0) != nil }
        check.walSegments = present.count
        var expected = begin.number
        var gaps = 0
        check.walEnd = begin.start
        for number in present + [last + 1] {
            if number > expected {
                gaps += 1
                if gaps <= Self.mostGaps {
                    report(path.segment(expected), path.segment(number - 1), end, layout, into: &check)
                }
            }
            if gaps == 0, number <= last { check.walEnd = path.segment(number).end }
            expected = number + 1
        }
        if gaps > Self.mostGaps { check.remarks.append("\(gaps - Self.mostGaps) more gaps in the WAL are not listed") }
        toRead = present.filter { readsAll || $0 <= end.number }.compactMap(there).compactMap { segment in
            objects[segment].map { Segment(segment: segment, object: $0.object, suffix: $0.suffix) }
        }
        if !isWithinAll || Self.isNewest(backup, catalogue) { Self.judge(timelines, layout, into: &check) }
    }

    private func report(
        _ first: WALSegment, _ last: WALSegment, _ end: WALSegment, _ layout: ArchiveLayout,
        into check: inout BackupCheck
    ) {
        let key = layout.wal(.segment(first), suffix: ".gz")
        let isNeeded = first.number <= end.number
        let many = first.number == last.number ? "it is missing" : "segments \(first) to \(last) are missing"
        check.find(
            first.number == last.number ? .missing : .gap, key,
            isNeeded
                ? "\(many): without it the backup is not consistent"
                : "\(many): from this backup, nothing behind \(first.start) can be restored")
    }

    private enum Reach {
        /// Only the backup itself.
        case end
        /// Up to this segment, with which a newer backup begins.
        case next(UInt64)
        /// As far as the archive goes.
        case archive
    }

    private static func reach(
        of backup: BackupInfo, _ catalogue: BackupCatalogue, _ timelines: ArchiveTimelines, _ store: any ObjectStore,
        _ layout: ArchiveLayout, isWithinAll: Bool
    ) throws -> Reach {
        // What lies behind a backup that is kept by itself may have been removed on purpose.
        if try BackupDetails.keep(backup, store, layout) == "standalone" { return .end }
        guard !isNewest(backup, catalogue) else { return .archive }
        guard isWithinAll else { return .end }
        // Every newer backup's own check goes on from where it begins.
        let newer = catalogue.backups.filter { next in
            guard next.isComplete, next.id > backup.id, let timeline = next.timeline, let begin = next.beginLSN,
                next.systemIdentifier == backup.systemIdentifier, let end = backup.endLSN, begin >= end
            else { return false }
            return timelines.history(timeline)?.canBeFollowed(from: backup.timeline ?? timeline, at: end)
                ?? (timeline == backup.timeline)
        }
        return newer.compactMap(\.beginWAL?.number).min().map(Reach.next) ?? .archive
    }

    private static func isNewest(_ backup: BackupInfo, _ catalogue: BackupCatalogue) -> Bool {
        catalogue.backups.last(where: \.isComplete)?.id == backup.id
    }

    /// Along the newest timeline that the backup is on.
    private static func path(from backup: BackupInfo, _ timelines: ArchiveTimelines) -> RecoveryPath? {
        let own = backup.timeline.map { [$0] } ?? []
        return Set(timelines.real).union(own).sorted(by: >).lazy.compactMap { timeline in
            // Who began to archive after a promotion may have no history of its first timeline: it needs none there.
            timelines.history(timeline)
                ?? (own.contains(timeline) ? TimelineHistory(timeline: timeline) : nil)
        }.compactMap { RecoveryPath(from: backup, to: $0) }.first
    }

    /// What is wrong with the histories of the archive, whatever the backup.
    private static func judge(_ timelines: ArchiveTimelines, _ layout: ArchiveLayout, into check: inout BackupCheck) {
        for (timeline, reason) in timelines.damaged.sorted(by: { $0.key < $1.key }) {
            check.find(.damaged, layout.wal(.history(timeline), suffix: ".gz"), reason)
        }
        // The oldest may have been all there was when archiving began.
        for timeline in timelines.withWAL.sorted().dropFirst()
        where timelines.history(timeline) == nil && timelines.damaged[timeline] == nil {
            check.find(
                .missing, layout.wal(.history(timeline), suffix: ".gz"),
                "there is WAL of timeline \(timeline), and without it nobody knows where that begins")
        }
    }

    /// Reads a segment: whether it is whole, and what its name says.
    /// - Parameter check: called with bytes as stored.
    func read(_ segment: Segment, from store: any ObjectStore, check: (Int) throws -> Void) throws -> BackupFinding? {
        let key = segment.object.key
        guard let codec = ArchivePartCodec.codec(segment.suffix) else { return nil }
        guard let reader = try store.read(key) else { return BackupFinding(.missing, key, "it vanished meanwhile") }
        do {
            let decoder = try codec.makeDecoder()
            var (size, header) = (UInt64(0), [UInt8]())
            while true {
                let piece = try reader.read(upTo: WALSource.pieceSize)
                if piece.isEmpty { break }
                try decoder.write(piece.span.bytes) { bytes in
                    if header.count < WALPageHeader.size {
                        bytes.withUnsafeBytes { header += $0.prefix(WALPageHeader.size - header.count) }
                    }
                    size += UInt64(bytes.byteCount)
                }
                try check(piece.count)
            }
            try decoder.finish()
            return judge(segment.segment, size, header).map { BackupFinding(.damaged, key, $0) }
        } catch let error as CompressionError {
            return BackupFinding(.damaged, key, error.description)
        }
    }

    private func judge(_ segment: WALSegment, _ size: UInt64, _ header: [UInt8]) -> String? {
        guard size == segment.size else { return "it holds \(size) bytes instead of \(segment.size)" }
        guard let page = WALPageHeader(header) else { return "it is shorter than a WAL page header" }
        let system = backup.systemIdentifier ?? SystemIdentifier(rawValue: page.systemIdentifier)
        return page.mismatch(with: segment, of: system, fileSize: size)
    }
}
