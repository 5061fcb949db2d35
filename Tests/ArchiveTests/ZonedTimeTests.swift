import Glibc
import TestSupport
import Testing

@testable import Archive

/// One after the other: each look changes the process' time zone for a moment.
@Suite(.serialized)
struct ZonedTimeTests {
    @Test(
        "a time with a zone's name is the moment that its clocks showed",
        arguments: [
            ("2026-01-02 03:04:05 Europe/Berlin", "2026-01-02T02:04:05Z"),
            ("2026-07-02T03:04 Europe/Berlin", "2026-07-02T01:04:00Z"),
            ("2026-07-02 03:04:05.25 America/New_York", "2026-07-02T07:04:05.250000Z"),
            ("2026-07-02 03:04:05 Asia/Kolkata", "2026-07-01T21:34:05Z"),
            ("2026-07-02 03:04:05 UTC", "2026-07-02T03:04:05Z"),
            ("2026-03-29 03:00:00 Europe/Berlin", "2026-03-29T01:00:00Z"),
            ("2026-03-29 01:59:59 Europe/Berlin", "2026-03-29T00:59:59Z"),
            ("2026-01-02 03:04:05+02", "2026-01-02T01:04:05Z"),
        ])
    func moments(text: String, expected: String) throws {
        #expect(try ZonedTime.parse(text).iso8601 == expected)
    }

    @Test(
        "a time that is not one moment is refused, with the reason",
        arguments: [
            ("2026-01-02 03:04:05", "has no offset from UTC"), ("yesterday", "is no time"),
            ("2026-02-30 03:04:05 Europe/Berlin", "is no time"),
            ("2026-01-02 03:04:05 Europe/Nowhere", "is no time zone"),
            ("2026-01-02 03:04:05 Europe", "is no time zone"),
            ("2026-01-02 03:04:05 a/../../../../etc/passwd", "is no time zone"),
            ("2026-03-29 02:30:00 Europe/Berlin", "does not exist"),
            (
                "2026-10-25 02:30:00 Europe/Berlin",
                "exists twice, because the clocks were put back: give an offset, +02:00 and +01:00"
            ),
            ("2026-01-02 03:04:05+02 Europe/Berlin", "is no time"), ("", "is no time"), (" ", "is no time"),
        ])
    func refused(text: String, word: String) {
        #expect { try ZonedTime.parse(text) } throws: { "\($0)".contains(word) }
    }

    @Test("the process' own time zone is as it was")
    func restoresZone() throws {
        let before = getenv("TZ").map { String(cString: $0) }
        _ = try ZonedTime.parse("2026-01-02 03:04:05 Asia/Tokyo")
        #expect(getenv("TZ").map { String(cString: $0) } == before)
    }
}
