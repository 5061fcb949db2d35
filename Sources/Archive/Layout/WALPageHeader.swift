import ClusterModel

/// The long page header in front of every WAL segment (`XLogLongPageHeaderData`, little-endian).
struct WALPageHeader: Hashable, Sendable {
    let magic: UInt16
    let flags: UInt16
    let timeline: TimelineID
    let address: LSN
    let systemIdentifier: UInt64
    let segmentSize: UInt32

    /// Bytes up to and including `segmentSize`.
    static let size = 36
    /// XLP_LONG_HEADER
    private static let longHeader: UInt16 = 0x0002
    /// `XLOG_PAGE_MAGIC` of PostgreSQL 10; every newer version has a higher one.
    private static let oldestMagic: UInt16 = 0xD097
    private static let newestMagic: UInt16 = 0xD1FF

    /// nil when there are fewer bytes than a header has.
    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count >= Self.size else { return nil }
        let header = Array(bytes.prefix(Self.size))
        func integer(_ offset: Int, _ count: Int) -> UInt64 {
            header[offset..<offset + count].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        magic = UInt16(integer(0, 2))
        flags = UInt16(integer(2, 2))
        timeline = TimelineID(UInt32(integer(4, 4)))
        address = LSN(rawValue: integer(8, 8))
        systemIdentifier = integer(24, 8)
        segmentSize = UInt32(integer(32, 4))
    }

    /// Why this cannot be the header of `segment` of the cluster `expected`; nil when it can.
    func mismatch(with segment: WALSegment, of expected: SystemIdentifier, fileSize: UInt64) -> String? {
        guard (Self.oldestMagic...Self.newestMagic).contains(magic), flags & Self.longHeader != 0 else {
            return "it does not begin with a WAL page header"
        }
        guard systemIdentifier == expected.rawValue else {
            return "it belongs to the system \(systemIdentifier), not to \(expected)"
        }
        guard UInt64(segmentSize) == fileSize else {
            return "it has \(fileSize) bytes where its header says \(segmentSize)"
        }
        guard address == segment.start else {
            return "it begins at \(address), and its name says \(segment.start)"
        }
        // The first segment of a new timeline may begin with pages of the old one, never of a later one.
        guard timeline.rawValue > 0, timeline <= segment.timeline else {
            return "its first page is of timeline \(timeline)"
        }
        return nil
    }
}
