import ClusterModel
import TestSupport
import Testing

/// Names and positions that others wrote.
@Suite(.ownThread)
struct ParserFuzzTests {
    @Test("names of WAL files: one spelling a file, and arithmetic that does not overflow")
    func walNames() throws {
        let corpus = [
            "000000010000000000000001", "00000001FFFFFFFF000000FF.partial", "00000002.history",
            "0000000A0000001600000010.00000028.backup", "FFFFFFFFFFFFFFFFFFFFFFFF",
        ]
        for size: UInt64 in [1 << 20, 16 << 20, 1 << 30] {
            try Fuzz(corpus, words: [".partial", ".backup", ".history", "FFFFFFFF"], cases: 15_000).run { bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                guard let name = WALFileName(text, segmentSize: size) else { return }
                guard name.description == text else { throw FixtureError("is written as \(name)") }
                guard let segment = WALSegment(text.prefix(24), size: size) else { return }
                guard segment.start <= segment.end, segment.end.bytes(since: segment.start) <= size else {
                    throw FixtureError("\(segment) is from \(segment.start) to \(segment.end)")
                }
                _ = segment.next.description
            }
        }
    }

    @Test("positions")
    func positions() throws {
        try Fuzz(["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"], words: ["/", "F"]).run { bytes in
            guard let position = LSN(String(decoding: bytes, as: UTF8.self)) else { return }
            guard LSN(position.description) == position else { throw FixtureError("\(position)") }
        }
    }

    @Test("histories of timelines")
    func histories() throws {
        let corpus = [
            "1\t0/3000060\tno recovery target specified\n", "1\t0/3000060\tx\n\n2\t0/4000000\tbefore 2026\n",
            "# nothing\n",
        ]
        try Fuzz(corpus, words: ["\t", "\n", "#", "4294967295", "0/0"]).run { bytes in
            let content = String(decoding: bytes, as: UTF8.self)
            guard let history = TimelineHistory(timeline: TimelineID(9), content: content) else { return }
            let order = history.ancestors.map(\.timeline)
            guard order == order.sorted(), order.allSatisfy({ $0 < history.timeline }) else {
                throw FixtureError("is out of order: \(history)")
            }
            _ = history.canBeFollowed(from: TimelineID(1), at: LSN(rawValue: 5))
        }
    }

    @Test("system identifiers")
    func systems() throws {
        try Fuzz(["7710409807607249731", "0", "18446744073709551615"]).run { bytes in
            guard let system = SystemIdentifier(String(decoding: bytes, as: UTF8.self)) else { return }
            guard SystemIdentifier(system.description) == system else { throw FixtureError("\(system)") }
        }
    }
}
