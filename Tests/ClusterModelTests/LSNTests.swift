import ClusterModel
import Testing

@Suite("Write-ahead log positions")
struct LSNTests {
    @Test("are read and written as PostgreSQL does", arguments: ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "1/0"])
    func roundTrip(text: String) throws {
        #expect(try #require(LSN(text)).description == text)
    }

    @Test(
        "are refused when they are no positions",
        arguments: ["", "/", "1", "1/", "/1", "1/2/3", "G/1", "1/123456789", "-1/0", "+1/0"])
    func refused(text: String) {
        #expect(LSN(text) == nil)
    }

    @Test("are compared as numbers, and their distance never underflows")
    func order() throws {
        let low = try #require(LSN("0/FFFFFFFF"))
        let high = try #require(LSN("1/0"))
        #expect(low < high)
        #expect(high.bytes(since: low) == 1)
        #expect(low.bytes(since: high) == 0)
    }
}

@Suite("Timelines")
struct TimelineTests {
    static let content = "1\t0/5000000\tno recovery target specified\n\n2\t0/7000060\tafter a switchover\n"

    @Test("a history file gives the ancestors, oldest first")
    func parse() throws {
        let history = try #require(TimelineHistory(timeline: TimelineID(3), content: Self.content))
        #expect(history.ancestors.map(\.timeline.rawValue) == [1, 2])
        #expect(history.end(of: TimelineID(2)) == LSN("0/7000060"))
        #expect(history.end(of: TimelineID(3)) == nil)
    }

    @Test(
        "a history file with nonsense is refused",
        arguments: ["x\t0/1\ty", "1\tnowhere\ty", "1", "2\t0/1\n1\t0/2", "3\t0/1"])
    func nonsense(content: String) {
        #expect(TimelineHistory(timeline: TimelineID(3), content: content) == nil)
    }

    @Test("can be followed up to and including the point where the ancestor was left, and not beyond")
    func follow() throws {
        let history = try #require(TimelineHistory(timeline: TimelineID(3), content: Self.content))
        let fork = try #require(LSN("0/5000000"))
        #expect(history.canBeFollowed(from: TimelineID(1), at: fork))
        #expect(!history.canBeFollowed(from: TimelineID(1), at: LSN(rawValue: fork.rawValue + 1)))
        #expect(history.canBeFollowed(from: TimelineID(3), at: LSN(rawValue: .max)))
        #expect(!history.canBeFollowed(from: TimelineID(4), at: .zero))
    }
}
