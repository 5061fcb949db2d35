import ClusterModel
import ObjectStorage

/// A piece of WAL behind the last whole segment, as an object:
/// `<server>/pgmahout/tail/<timeline>/<run of the server>/<first byte>-<end>.gz`, all numbers hexadecimal.
///
/// Each run of the server begins anew at the start of a segment. A server that crashed may write other bytes behind
/// what was whole when it crashed, so pieces of two runs are never put together.
package struct TailPiece: Hashable, Sendable {
    package let timeline: TimelineID
    /// Microseconds since 1970 at which the server was started.
    package let run: UInt64
    package let start: LSN
    package let end: LSN

    init(timeline: TimelineID, run: UInt64, start: LSN, end: LSN) {
        self.timeline = timeline
        self.run = run
        self.start = start
        self.end = end
    }

    /// nil for an object that is none.
    init?(_ key: ObjectKey, timeline: TimelineID) {
        let parts = key.text.split(separator: "/")
        guard parts.count >= 3, parts[parts.count - 3] == timeline.hex, let name = parts.last, name.hasSuffix(".gz"),
            let run = UInt64(parts[parts.count - 2], radix: 16)
        else { return nil }
        let bounds = name.dropLast(3).split(separator: "-").map { UInt64($0, radix: 16) }
        guard bounds.count == 2, let start = bounds[0], let end = bounds[1], start < end else { return nil }
        self.init(timeline: timeline, run: run, start: LSN(rawValue: start), end: LSN(rawValue: end))
    }

    /// Of whatever timeline.
    init?(_ key: ObjectKey) {
        let parts = key.text.split(separator: "/")
        guard parts.count >= 3, let number = UInt32(parts[parts.count - 3], radix: 16) else { return nil }
        self.init(key, timeline: TimelineID(number))
    }

    func key(in layout: ArchiveLayout) -> ObjectKey {
        ObjectKey(layout.tail(timeline) + "\(Self.hex(run))/\(Self.hex(start.rawValue))-\(Self.hex(end.rawValue)).gz")
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The pieces that cover most of a segment from its first byte on without a gap; of two runs that cover as much, the
    /// later. Empty: nothing of it is there.
    static func longest(_ pieces: some Sequence<TailPiece>, of segment: WALSegment) -> [TailPiece] {
        var best: [TailPiece] = []
        for (_, pieces) in Dictionary(grouping: pieces, by: \.run).sorted(by: { $0.key > $1.key }) {
            var reached = segment.start
            var found: [TailPiece] = []
            for piece in pieces.sorted(by: { ($0.start, $1.end) < ($1.start, $0.end) })
            where piece.start <= reached && piece.end > reached && piece.end <= segment.end {
                found.append(piece)
                reached = piece.end
            }
            if reached > best.last?.end ?? segment.start { best = found }
        }
        return best
    }
}

extension ArchiveLayout {
    /// The folder of all tails, with its `/`.
    var tails: String { "\(server)/pgmahout/tail/" }
    /// The folder of a timeline's tail, with its `/`.
    func tail(_ timeline: TimelineID) -> String { "\(tails)\(timeline.hex)/" }
}
