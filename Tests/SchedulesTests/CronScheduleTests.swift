import Platform
import Testing

@testable import Schedules

/// Against times that were worked out by hand.
struct CronScheduleTests {
    /// `2026-01-02T03:04:05` in UTC.
    private func moment(_ text: String) -> Int64 {
        let parts = text.split { "-T:".contains($0) }.compactMap { Int($0) }
        return CivilDate(year: parts[0], month: parts[1], day: parts[2]).start + Int64(parts[3]) * 3600
            + Int64(parts[4]) * 60 + Int64(parts.count > 5 ? parts[5] : 0)
    }

    private func text(_ moment: Int64) -> String {
        let date = CivilDate(daysSinceEpoch: floorDivide(moment, 86_400))
        let second = Int(moment - date.start)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(date.year)-\(two(date.month))-\(two(date.day))T\(two(second / 3600)):\(two(second / 60 % 60)):"
            + two(second % 60)
    }

    private func zone(_ name: String) throws -> ZoneRules {
        if name == "UTC" { return .utc }
        return try #require(ZoneRules(name: name, tzif: try Files.read("/usr/share/zoneinfo/" + name)))
    }

    private func next(_ schedule: String, _ from: String, _ zone: String = "UTC", count: Int = 1) throws -> [String] {
        let schedule = try #require(CronSchedule(schedule))
        var found: [String] = []
        var at = moment(from)
        for _ in 0..<count {
            at = try #require(schedule.next(after: at, in: try self.zone(zone)))
            found.append(text(at))
        }
        return found
    }

    @Test(
        "fields, names, ranges, lists and steps",
        arguments: [
            ("0 3 * * *", "2026-01-01T03:00:00", "2026-01-02T03:00:00"),
            ("0 3 * * *", "2026-01-01T02:59:59", "2026-01-01T03:00:00"),
            ("30 0 3 * * *", "2026-01-01T03:00:00", "2026-01-01T03:00:30"),
            ("*/15 * * * *", "2026-01-01T23:46", "2026-01-02T00:00:00"),
            ("5/20 * * * *", "2026-01-01T00:06", "2026-01-01T00:25:00"),
            ("0 8-10/2,22 * * *", "2026-01-01T08:00", "2026-01-01T10:00:00"),
            ("0 8-10/2,22 * * *", "2026-01-01T10:00", "2026-01-01T22:00:00"),
            // 2026-01-01 is a Thursday.
            ("0 0 * * sun", "2026-01-01T00:00", "2026-01-04T00:00:00"),
            ("0 0 * * 7", "2026-01-01T00:00", "2026-01-04T00:00:00"),
            ("0 0 * * MON-FRI", "2026-01-02T12:00", "2026-01-05T00:00:00"),
            ("0 0 31 * *", "2026-01-31T00:00", "2026-03-31T00:00:00"),
            ("0 0 29 feb ?", "2026-01-01T00:00", "2028-02-29T00:00:00"),
            // Both days restricted: either is enough.
            ("0 0 13 * fri", "2026-01-01T00:00", "2026-01-02T00:00:00"),
            ("0 0 13 * fri", "2026-01-09T00:00", "2026-01-13T00:00:00"),
            ("@hourly", "2026-01-01T00:00", "2026-01-01T01:00:00"),
            ("@daily", "2026-12-31T00:00", "2027-01-01T00:00:00"),
            ("@weekly", "2026-01-01T00:00", "2026-01-04T00:00:00"),
            ("@monthly", "2026-01-01T00:00", "2026-02-01T00:00:00"),
            ("@yearly", "2026-01-01T00:00", "2027-01-01T00:00:00"),
        ])
    func fields(_ schedule: String, _ from: String, _ expected: String) throws {
        #expect(try next(schedule, from) == [expected])
    }

    @Test(
        "what is no schedule is refused",
        arguments: [
            "", "* * * *", "* * * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
            "5-1 * * * *", "*/0 * * * *", "a * * * *", "@never", "0 0 31 2 *", "0 0 30 feb *", "1,,2 * * * *",
            "-1 * * * *", "0 0 * * mon-", "*/+5 * * * *",
        ])
    func refused(_ schedule: String) { #expect(CronSchedule(schedule) == nil) }

    @Test("hours are those of the zone, in summer and in winter")
    func zones() throws {
        #expect(try next("0 3 * * *", "2026-01-01T00:00", "Europe/Berlin") == ["2026-01-01T02:00:00"])
        #expect(try next("0 3 * * *", "2026-07-01T00:00", "Europe/Berlin") == ["2026-07-01T01:00:00"])
        #expect(try next("0 3 * * *", "2026-01-01T00:00", "Asia/Kathmandu") == ["2026-01-01T21:15:00"])
        // Behind what the file lists: by its rule.
        #expect(try next("0 3 * * *", "2077-07-01T00:00", "Europe/Berlin") == ["2077-07-01T01:00:00"])
    }

    @Test("a time that is skipped in spring is due at the end of the gap, once")
    func skipped() throws {
        // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
        #expect(
            try next("30 2 * * *", "2026-03-28T00:00", "Europe/Berlin", count: 3) == [
                "2026-03-28T01:30:00", "2026-03-29T01:00:00", "2026-03-30T00:30:00",
            ])
        #expect(
            try next("0,30 2,3 * * *", "2026-03-29T00:00", "Europe/Berlin", count: 3) == [
                "2026-03-29T01:00:00", "2026-03-29T01:30:00", "2026-03-30T00:00:00",
            ])
        // New York, 2026-03-08 at 07:00 UTC.
        #expect(try next("30 2 * * *", "2026-03-08T00:00", "America/New_York") == ["2026-03-08T07:00:00"])
    }

    @Test("a time that comes twice in autumn is due the first time only")
    func repeated() throws {
        // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
        #expect(
            try next("30 2 * * *", "2026-10-24T12:00", "Europe/Berlin", count: 2) == [
                "2026-10-25T00:30:00", "2026-10-26T01:30:00",
            ])
        #expect(try next("30 2 * * *", "2026-10-25T00:45", "Europe/Berlin") == ["2026-10-26T01:30:00"])
    }

    @Test("a schedule for every hour follows real time through both")
    func everyHour() throws {
        #expect(
            try next("30 * * * *", "2026-03-29T00:00", "Europe/Berlin", count: 3) == [
                "2026-03-29T00:30:00", "2026-03-29T01:30:00", "2026-03-29T02:30:00",
            ])
        #expect(
            try next("30 * * * *", "2026-10-25T00:00", "Europe/Berlin", count: 3) == [
                "2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T02:30:00",
            ])
        // Lord Howe Island goes back by half an hour, 2026-04-05 at 15:00 UTC of the day before.
        #expect(
            try next("*/30 * * * *", "2026-04-04T14:00", "Australia/Lord_Howe", count: 4) == [
                "2026-04-04T14:30:00", "2026-04-04T15:00:00", "2026-04-04T15:30:00", "2026-04-04T16:00:00",
            ])
    }

    @Test("no two moments are the same, and time never goes backwards, over three years of a zone")
    func monotone() throws {
        let berlin = try zone("Europe/Berlin")
        for text in ["30 2 * * *", "15 */2 * * *", "0 2,3 * * sun"] {
            let schedule = try #require(CronSchedule(text))
            var at = moment("2026-01-01T00:00")
            let end = moment("2029-01-01T00:00")
            while at < end {
                let next = try #require(schedule.next(after: at, in: berlin))
                #expect(next > at)
                at = next
            }
        }
    }
}
