import ClusterModel
import Platform
import TestSupport

@testable import Archive

/// WAL segments of 1 MiB that have all that the archiver looks at, and that compress like real ones.
enum SegmentFile {
    static let system = SystemIdentifier(rawValue: 7_710_409_807_607_249_731)
    static let size = 1 << 20

    /// - Parameters:
    ///   - fill: what the pages hold.
    ///   - noise: whether a part of it cannot be compressed.
    static func content(
        _ segment: WALSegment, system: SystemIdentifier = system, fill: UInt8 = 1, magic: UInt16 = 0xD110,
        noise: Bool = false
    ) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(segment.size))
        for index in stride(from: 4096, to: bytes.count, by: 7) {
            bytes[index] = fill &+ UInt8(truncatingIfNeeded: index >> 9)
        }
        if noise { for index in 8192..<(128 << 10) { bytes[index] = .random(in: .min ... .max) } }
        func put(_ value: some FixedWidthInteger, at offset: Int) {
            for index in 0..<value.bitWidth / 8 {
                bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
            }
        }
        put(magic, at: 0)
        put(UInt16(2), at: 2)
        put(segment.timeline.rawValue, at: 4)
        put(segment.start.rawValue, at: 8)
        put(system.rawValue, at: 24)
        put(UInt32(segment.size), at: 32)
        put(UInt32(8192), at: 36)
        return bytes
    }

    static func segment(_ number: UInt64, timeline: UInt32 = 1) -> WALSegment {
        WALSegment(timeline: TimelineID(timeline), number: number, size: UInt64(size))
    }
}

/// The part of a data directory that the archiver looks at.
struct WALDirectory {
    let directory: TemporaryDirectory
    var path: String { directory.path }

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.directory("pg_wal")
        _ = try directory.directory("pg_wal/archive_status")
    }

    func file(_ name: String) -> String { directory.file("pg_wal/" + name) }

    /// Writes a file, and marks it ready like PostgreSQL.
    func add(_ name: String, _ content: [UInt8], ready: Bool = true) throws {
        try Files.writeDurably(content, to: file(name))
        if ready { try Files.writeDurably([UInt8](), to: file("archive_status/\(name).ready")) }
    }

    func done(_ name: String) throws {
        try Files.renameDurably(file("archive_status/\(name).ready"), to: file("archive_status/\(name).done"))
    }
}
