import Testing

@testable import Archive

struct TimestampTests {
    @Test(
        "times with an offset from UTC are understood in all usual forms",
        arguments: [
            "2026-01-02T03:04:05Z", "2026-01-02 03:04:05+00", "2026-01-02 05:04:05+02:00", "2026-01-02T05:04:05+0200",
            "2026-01-01 21:34:05-05:30", "2026-01-02 03:04:05.000000+00:00", "2026-01-02t03:04:05z",
        ])
    func parses(text: String) throws {
        #expect(try #require(Timestamp(text)).microseconds == 1_767_323_045_000_000)
    }

    @Test("fractions count to the microsecond, and seconds may be left out")
    func fractions() throws {
        #expect(try #require(Timestamp("1970-01-01T00:00:01.5Z")).microseconds == 1_500_000)
        #expect(try #require(Timestamp("1970-01-01T00:00:00.1234567Z")).microseconds == 123_456)
        #expect(try #require(Timestamp("1970-01-01T00:01Z")).microseconds == 60_000_000)
    }

    @Test(
        "a time without offset, or none at all, is refused",
        arguments: [
            "2026-01-02T03:04:05", "2026-01-02", "yesterday", "", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
            "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z", "2026-01-02T03:04:05Z ", "2026-01-02T03:04:05+2",
            "26-01-02T03:04:05Z", "2026-01-02T03:04:05.Z",
        ])
    func refuses(text: String) { #expect(Timestamp(text) == nil) }

    @Test("what is written is read back as the same moment, on leap days and before 1970 too")
    func roundTrip() throws {
        for text in [
            "2026-11-21 00:08:19.425207+00:00", "2024-02-29 23:59:59+00:00", "2000-02-29 00:00:00+00:00",
            "1969-12-31 23:59:59.999999+00:00", "2100-03-01 12:00:00+00:00", "1900-01-01 00:00:00+00:00",
        ] {
            let time = try #require(Timestamp(text))
            #expect(time.description == text)
            #expect(Timestamp(time.iso8601) == time)
        }
        for day in stride(from: Int64(-200_000), through: 200_000, by: 997) {
            let time = Timestamp(microseconds: day * 86_400_000_000 + 1)
            #expect(Timestamp(time.description) == time)
        }
    }

    @Test("the compact form is that of a backup id")
    func compact() throws {
        let time = try #require(Timestamp("2026-11-21T00:08:09Z"))
        #expect(time.compact == "20261121T000809")
        #expect(BackupInfo.isID(time.compact))
    }
}
