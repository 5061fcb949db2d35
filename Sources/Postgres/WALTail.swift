import ClusterModel
import Glibc
import Platform

/// Reads WAL files as far as it takes to tell where the WAL of a timeline ends. Layout: src/include/access/xlogrecord.h
/// and xlog_internal.h, the same from 15 to 18.
struct WALTail {
    let directory: String
    let timeline: TimelineID
    let segmentSize: UInt64

    /// The segments of the timeline that end after `position` and hold what their names say, in order. Others are kept
    /// by the server for later use, and hold something older.
    func segments(after position: LSN) throws(SystemError) -> [WALSegment] {
        var found: [WALSegment] = []
        for name in try Files.list(directory) {
            guard let segment = WALSegment(name, size: segmentSize), segment.timeline == timeline,
                segment.end > position, let page = page(at: segment.start), page.address == segment.start
            else { continue }
            found.append(segment)
        }
        return found.sorted()
    }

    /// Whether a whole, valid record begins at `position`.
    func hasRecord(at position: LSN) -> Bool {
        var reader = Reader(tail: self, position: position)
        guard let header = reader.take(24) else { return false }
        let length = Int(Self.number(header[0..<4]))
        guard length >= 24, length <= Self.longest else { return false }
        // Checked to the last byte: a recycled segment is full of records of long ago.
        guard let body = reader.take(length - 24) else { return false }
        return UInt64(CRC32C.checksum(body + header[0..<20])) == Self.number(header[20..<24])
    }

    /// The end of the last page that belongs where it is.
    func end(of segment: WALSegment) -> LSN {
        var low: UInt64 = 0
        var high = segmentSize / Self.pageSize
        // Pages are written in order: valid ones, then older ones or none.
        while high - low > 1 {
            let middle = (low + high) / 2
            let address = LSN(rawValue: segment.start.rawValue + middle * Self.pageSize)
            if page(at: address)?.address == address { low = middle } else { high = middle }
        }
        return LSN(rawValue: segment.start.rawValue + high * Self.pageSize)
    }

    /// XLOG_BLCKSZ of every package; the server's own check of a segment's first page would refuse another.
    private static let pageSize: UInt64 = 8192
    /// Bytes; XLogRecordMaxSize is a little above.
    private static let longest = 1020 << 20

    private struct Page {
        var address: LSN
        var headerSize: Int
        var bytes: [UInt8]
    }

    private func page(at position: LSN) -> Page? {
        let start = LSN(rawValue: position.rawValue - position.rawValue % Self.pageSize)
        let segment = WALSegment(timeline: timeline, containing: start, size: segmentSize)
        guard let file = try? FileDescriptor(opening: "\(directory)/\(segment)", O_RDONLY),
            lseek(file.rawValue, off_t(start.rawValue - segment.start.rawValue), SEEK_SET) >= 0,
            let bytes = try? file.read(upTo: Int(Self.pageSize)), bytes.count == Int(Self.pageSize)
        else { return nil }
        // xlp_info: 2 says that the header is a long one.
        let isLong = bytes[2] & 2 != 0
        return Page(
            address: LSN(rawValue: Self.number(bytes[8..<16])), headerSize: isLong ? 40 : 24, bytes: bytes)
    }

    /// The bytes of records from a position on, without the headers of pages.
    private struct Reader {
        let tail: WALTail
        var position: LSN

        mutating func take(_ count: Int) -> [UInt8]? {
            var taken: [UInt8] = []
            while taken.count < count {
                guard let page = tail.page(at: position),
                    page.address.rawValue == position.rawValue - position.rawValue % WALTail.pageSize
                else { return nil }
                let offset = max(Int(position.rawValue % WALTail.pageSize), page.headerSize)
                let part = page.bytes[offset...].prefix(count - taken.count)
                taken += part
                position = LSN(rawValue: page.address.rawValue + UInt64(offset + part.count))
            }
            return taken
        }
    }

    /// In the machine's byte order, which is little-endian wherever PostgreSQL is packaged for.
    private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
