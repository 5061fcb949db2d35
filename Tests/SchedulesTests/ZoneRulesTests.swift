import Platform
import Testing

@testable import Schedules

struct ZoneRulesTests {
    private func zone(_ name: String) throws -> ZoneRules {
        try #require(ZoneRules(name: name, tzif: try Files.read("/usr/share/zoneinfo/" + name)))
    }

    @Test("offsets and changes of a real file, before, within and behind what it lists")
    func offsets() throws {
        let berlin = try zone("Europe/Berlin")
        // 2026-03-29T01:00:00Z
        let spring: Int64 = 1_774_746_000
        #expect(berlin.offset(at: spring - 1) == 3600 && berlin.offset(at: spring) == 7200)
        #expect(berlin.nextChange(after: spring - 10_000) == spring)
        // 2077-10-31T01:00:00Z, long behind the last that is listed.
        let autumn: Int64 = 3_402_867_600
        #expect(berlin.offset(at: autumn - 1) == 7200 && berlin.offset(at: autumn) == 3600)
        #expect(berlin.nextChange(after: autumn - 1) == autumn)
        #expect(berlin.offset(at: -4_000_000_000) == 3208, "local mean time")
    }

    @Test(
        "rules in POSIX form",
        arguments: [
            ("<+0545>-5:45", Int64(1_700_000_000), Int64(20_700)), ("EST5EDT,M3.2.0,M11.1.0", 1_751_328_000, -14_400),
            ("EST5EDT,M3.2.0,M11.1.0", 1_767_225_600, -18_000),
            // Southern summer is over new year.
            ("AEST-10AEDT,M10.1.0,M4.1.0/3", 1_767_225_600, 39_600), ("XYZ3", 0, -10_800),
            ("AAA0BBB,J60/0,J300/0", 1_772_323_200, 3600), ("AAA0BBB,59/0,299/0", 1_772_323_199, 0),
        ])
    func posix(_ rule: String, _ at: Int64, _ offset: Int64) throws {
        #expect(try #require(ZoneRule(posix: rule)).offset(at: at) == offset)
    }

    @Test(
        "what is no rule is refused", arguments: ["", "CE-1", "CET", "CET-1CEST", "CET-1CEST,M13.1.0,M1.1.0", "A1,,"])
    func noRules(_ rule: String) { #expect(ZoneRule(posix: rule) == nil) }

    @Test("bytes that are cut off or not such a file are refused, wherever they end")
    func damaged() throws {
        let bytes = try Files.read("/usr/share/zoneinfo/Europe/Berlin")
        for length in stride(from: 0, to: bytes.count - 40, by: 7) {
            #expect(ZoneRules(name: "x", tzif: Array(bytes.prefix(length))) == nil)
        }
        #expect(ZoneRules(name: "x", tzif: Array("hello".utf8)) == nil)
    }
}
