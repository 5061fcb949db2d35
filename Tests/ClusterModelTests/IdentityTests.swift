import ClusterModel
import FoundationEssentials
import Testing

@Suite("Identities and records")
struct IdentityTests {
    @Test("an incarnation is name, pod and boot; anything less is none")
    func incarnation() throws {
        let incarnation = Incarnation(name: "pg-1", podUID: "uid", bootID: "b1")
        #expect(Incarnation(incarnation.description) == incarnation)
        for text in ["pg-1", "pg-1/uid", "/uid/b1", "pg-1/uid/", "a/b/c/d"] { #expect(Incarnation(text) == nil) }
    }

    @Test("a system identifier survives JSON, where a number of that size would not")
    func systemIdentifier() throws {
        let identifier = SystemIdentifier(rawValue: 7_710_409_807_607_249_731)
        let data = try JSONEncoder().encode([identifier])
        #expect(String(decoding: data, as: UTF8.self) == "[\"7710409807607249731\"]")
        #expect(try JSONDecoder().decode([SystemIdentifier].self, from: data) == [identifier])
        #expect(SystemIdentifier("0") == nil)
    }

    @Test("a cluster record is the same after JSON, members by name")
    func record() throws {
        var record = ClusterRecord(cluster: "demo", durationMilliseconds: 6000)
        record.holder = Incarnation(name: "pg-1", podUID: "uid", bootID: "b")
        record.term = 7
        record.timeline = TimelineID(3)
        record.flushed = LSN(rawValue: 0x5000060)
        record.members["pg-1"] = Member(
            name: "pg-1", incarnation: Incarnation(name: "pg-1", podUID: "uid", bootID: "b"), api: "http://h:1",
            postgresHost: "h", postgresPort: 5432)
        record.intent.switchover = SwitchoverRequest(id: "s", from: "pg-1", to: nil, deadlineMilliseconds: 1)
        let data = try JSONEncoder().encode(record)
        #expect(try JSONDecoder().decode(ClusterRecord.self, from: data) == record)
        #expect(String(decoding: data, as: UTF8.self).contains("\"pg-1\":{"))
    }

    @Test("moments saturate instead of trapping")
    func instants() {
        let early = Instant(nanoseconds: 5)
        #expect((early - .seconds(1)).nanoseconds == 0)
        #expect((Instant(nanoseconds: .max) + .seconds(1)).nanoseconds == .max)
        #expect((early + .milliseconds(1)).since(early) == .milliseconds(1))
        #expect(early.since(early + .milliseconds(1)) == .milliseconds(-1))
        #expect(Duration.seconds(Int64.max).nanoseconds == .max)
    }
}
