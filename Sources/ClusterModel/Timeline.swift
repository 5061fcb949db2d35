/// A PostgreSQL timeline ID; 1 for a cluster that was never promoted.
package struct TimelineID: RawRepresentable, Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }
    package init(_ value: UInt32) { rawValue = value }

    package var description: String { String(rawValue) }

    /// Eight upper-case hexadecimal digits, as in WAL file names.
    package var hex: String { hexadecimal(rawValue) }

    package static func < (left: TimelineID, right: TimelineID) -> Bool { left.rawValue < right.rawValue }
}

/// The ancestry of a timeline, as PostgreSQL writes it into `XXXXXXXX.history`.
package struct TimelineHistory: Hashable, Sendable, Codable {
    /// One ancestor: `timeline` ends (exclusive) at `end`, where its child begins.
    package struct Ancestor: Hashable, Sendable, Codable {
        package let timeline: TimelineID
        package let end: LSN

        package init(timeline: TimelineID, end: LSN) {
            self.timeline = timeline
            self.end = end
        }
    }

    /// The timeline whose ancestry this is.
    package let timeline: TimelineID
    /// Oldest first; empty for timeline 1.
    package let ancestors: [Ancestor]

    package init(timeline: TimelineID, ancestors: [Ancestor] = []) {
        self.timeline = timeline
        self.ancestors = ancestors
    }

    /// Parses the content of a history file; nil when a line is not `timeline<TAB>LSN<TAB>reason`
    /// or timelines do not ascend.
    package init?(timeline: TimelineID, content: String) {
        var found: [Ancestor] = []
        for line in content.split(whereSeparator: \.isNewline) {
            let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " })
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            guard fields.count >= 2, let id = UInt32(first), let end = LSN(fields[1]) else { return nil }
            if let last = found.last, last.timeline.rawValue >= id { return nil }
            found.append(Ancestor(timeline: TimelineID(id), end: end))
        }
        guard found.allSatisfy({ $0.timeline < timeline }) else { return nil }
        self.init(timeline: timeline, ancestors: found)
    }

    /// Where `other` was left on the way to this timeline: nil when `other` is no ancestor.
    package func end(of other: TimelineID) -> LSN? {
        ancestors.first { $0.timeline == other }?.end
    }

    /// Whether a server that stands at `position` on `other` can follow this timeline without a rewind:
    /// it is on this timeline, or on an ancestor at or before the point where that was left.
    package func canBeFollowed(from other: TimelineID, at position: LSN) -> Bool {
        if other == timeline { return true }
        guard let end = end(of: other) else { return false }
        return position <= end
    }
}

/// Eight upper-case hexadecimal digits.
func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: 8 - digits.count) + digits
}
