import ClusterModel
import Glibc
import Platform

/// The last record of a primary that stopped cleanly: its shutdown checkpoint.
extension DataDirectory {
    /// Just behind it, where the next record would begin; nil when the server was not a primary, did not stop cleanly, or
    /// the record cannot be read.
    package func endOfShutdown(_ control: ControlData) -> LSN? {
        guard control.state == .shutDown else { return nil }
        let segment = WALSegment(
            timeline: control.checkpointTimeline, containing: control.checkpoint, size: control.walSegmentSize)
        guard let file = try? FileDescriptor(opening: "\(path)/pg_wal/\(segment)", O_RDONLY),
            lseek(file.rawValue, off_t(control.checkpoint.rawValue - segment.start.rawValue), SEEK_SET) >= 0,
            let bytes = try? file.read(upTo: 4), bytes.count == 4
        else { return nil }
        // `xl_tot_len`; written by a machine like this one, or its server would not start here.
        let length = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Self.end(ofRecordAt: control.checkpoint, length: length, segmentSize: control.walSegmentSize)
    }

    /// Where the record that follows would begin. Pages of 8 KiB begin with a header; nil: no such record exists.
    static func end(ofRecordAt start: LSN, length: UInt64, segmentSize: UInt64) -> LSN? {
        // A shutdown checkpoint has about 120 bytes.
        guard (24...1024).contains(length) else { return nil }
        var position = start.rawValue
        var left = (length + 7) & ~7
        while true {
            let room = pageSize - position % pageSize
            if left <= room { return LSN(rawValue: position + left) }
            left -= room
            position += room
            position += position % segmentSize == 0 ? 40 : 24
        }
    }

    private static let pageSize: UInt64 = 8192

    /// Hands the segment with the last record of a timeline that nobody goes on with to the archiver, whole, though it is
    /// not full: whoever follows by the archive alone needs it. Only once nobody can open on that timeline again, for its
    /// content is final then.
    package func archiveLastSegment(_ token: DemotionToken, segmentSize: UInt64) throws {
        guard token.end > .zero else { return }
        let last = LSN(rawValue: token.end.rawValue - 1)
        let segment = WALSegment(timeline: token.timeline, containing: last, size: segmentSize)
        let status = "\(path)/pg_wal/archive_status/\(segment)"
        guard Files.exists("\(path)/pg_wal/\(segment)"), !Files.exists(status + ".ready"),
            !Files.exists(status + ".done")
        else { return }
        try Files.writeDurably([], to: status + ".ready")
    }
}
