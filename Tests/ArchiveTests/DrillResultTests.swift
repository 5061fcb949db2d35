import ClusterModel
import ObjectStorage
import TestSupport
import Testing

@testable import Archive

@Suite
struct DrillResultTests {
    @Test("a result is recorded once, and comes back as it was")
    func roundTrip() throws {
        let directory = try TemporaryDirectory()
        let store = DirectoryStore(root: directory.path)
        let layout = ArchiveLayout(server: "demo")
        #expect(try DrillResult.list(store, layout).isEmpty)
        var result = DrillResult(id: "20260102T030405", startedAt: try #require(Timestamp("2026-01-02T03:04:05Z")))
        result.backup = "20260101T000000"
        result.finishedAt = "2026-01-02T03:04:07.5Z"
        result.succeeded = true
        result.phases = [DrillResult.Phase(name: "files", milliseconds: 1200)]
        result.checks = [DrillResult.Check(name: "role app", passed: true, detail: "is there")]
        result.timeline = TimelineID(2)
        result.end = LSN(rawValue: 0x3000028)
        #expect(result.duration == .milliseconds(2500))
        try result.record(in: store, layout)
        try result.record(in: store, layout)
        #expect(try DrillResult.list(store, layout) == [result])
        var other = result
        other.succeeded = false
        #expect(throws: ArchiveError.self) { try other.record(in: store, layout) }
        #expect(try DrillResult.list(store, layout) == [result], "what was recorded stays")
        _ = try store.putIfAbsent(ObjectKey("demo/pgmahout/drills/20260103T000000.json"), Array("{".utf8))
        #expect(try DrillResult.list(store, layout) == [result], "and what cannot be read is left out")
    }
}
