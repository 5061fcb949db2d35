/// One WAL segment file: 24 hexadecimal digits, timeline, log, segment.
package struct WALSegment: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let timeline: TimelineID
    /// Position of the segment counted in segments from LSN 0 (PostgreSQL's `XLogSegNo`).
    package let number: UInt64
    /// Bytes; a power of two from 1 MiB to 1 GiB.
    package let size: UInt64

    /// PostgreSQL's default of `--wal-segsize`: 16 MiB.
    package static let defaultSize: UInt64 = 16 << 20

    package init(timeline: TimelineID, number: UInt64, size: UInt64 = defaultSize) {
        self.timeline = timeline
        self.number = number
        self.size = size
    }

    /// The segment that holds the byte at `position`.
    package init(timeline: TimelineID, containing position: LSN, size: UInt64 = defaultSize) {
        self.init(timeline: timeline, number: position.rawValue / size, size: size)
    }

    package init?(_ name: some StringProtocol, size: UInt64 = defaultSize) {
        let digits = Array(name.utf8)
        guard digits.count == 24, let timeline = parseHex(digits[0..<8]), timeline > 0,
            let log = parseHex(digits[8..<16]), let segment = parseHex(digits[16..<24]),
            size > 0, UInt64(segment) < (1 << 32) / size
        else { return nil }
        self.init(
            timeline: TimelineID(timeline), number: UInt64(log) * ((1 << 32) / size) + UInt64(segment), size: size)
    }

    package var start: LSN { position(number) }
    /// First byte after the segment; one too low for the very last one, whose end no position can say.
    package var end: LSN { position(number + 1) }

    /// Names come from directories and archives: one of the last segment there can be must not end the process.
    private func position(_ number: UInt64) -> LSN {
        let (start, overflow) = number.multipliedReportingOverflow(by: size)
        return LSN(rawValue: overflow ? .max : start)
    }

    package var next: WALSegment { WALSegment(timeline: timeline, number: number + 1, size: size) }

    package var description: String {
        let perLog = (UInt64(1) << 32) / size
        return timeline.hex + hexadecimal(UInt32(truncatingIfNeeded: number / perLog))
            + hexadecimal(UInt32(truncatingIfNeeded: number % perLog))
    }

    package static func < (left: WALSegment, right: WALSegment) -> Bool {
        (left.timeline, left.number) < (right.timeline, right.number)
    }
}

/// The names that PostgreSQL hands to `archive_command` and `restore_command`.
package enum WALFileName: Hashable, Sendable, CustomStringConvertible {
    case segment(WALSegment)
    /// The unfinished last segment of a timeline that was left by a promotion.
    case partial(WALSegment)
    case history(TimelineID)
    /// A backup history file; `offset` is the start of the backup within the segment.
    case backup(WALSegment, offset: UInt32)

    /// nil when the name is none of the four (it may contain no slash and no `..`).
    package init?(_ name: some StringProtocol, segmentSize: UInt64 = WALSegment.defaultSize) {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        switch parts.count {
        case 1:
            guard let segment = WALSegment(parts[0], size: segmentSize) else { return nil }
            self = .segment(segment)
        case 2 where parts[1] == "partial":
            guard let segment = WALSegment(parts[0], size: segmentSize) else { return nil }
            self = .partial(segment)
        case 2 where parts[1] == "history":
            let digits = Array(parts[0].utf8)
            guard digits.count == 8, let id = parseHex(digits[...]), id > 0 else { return nil }
            self = .history(TimelineID(id))
        case 3 where parts[2] == "backup":
            let digits = Array(parts[1].utf8)
            guard let segment = WALSegment(parts[0], size: segmentSize), digits.count == 8,
                let offset = parseHex(digits[...])
            else { return nil }
            self = .backup(segment, offset: offset)
        default: return nil
        }
    }

    package var description: String {
        switch self {
        case .segment(let segment): segment.description
        case .partial(let segment): segment.description + ".partial"
        case .history(let timeline): timeline.hex + ".history"
        case .backup(let segment, let offset): segment.description + "." + hexadecimal(offset) + ".backup"
        }
    }

    package var timeline: TimelineID {
        switch self {
        case .segment(let segment), .partial(let segment), .backup(let segment, _): segment.timeline
        case .history(let timeline): timeline
        }
    }
}

/// Upper-case digits only: PostgreSQL writes no others, and two spellings of one name would defeat create-only.
private func parseHex(_ digits: ArraySlice<UInt8>) -> UInt32? {
    var value: UInt32 = 0
    for digit in digits {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(digit - UInt8(ascii: "A") + 10)
        default: return nil
        }
    }
    return value
}
