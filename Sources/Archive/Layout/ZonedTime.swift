import Glibc
import Platform

/// A moment as people write it: with an offset from UTC, or with the name of a time zone behind it.
///
///     2026-01-02T03:04:05Z    2026-01-02 03:04:05.5+02    2026-01-02 03:04 Europe/Berlin
///
/// A time without either is refused: it means another moment on another machine. So is one that a zone has twice or not
/// at all, because its clocks were changed.
package enum ZonedTime {
    private static let directory = "/usr/share/zoneinfo"

    /// Changes and restores the process' time zone while it looks: only for commands, before they have threads.
    package static func parse(_ text: String) throws(RestoreError) -> Timestamp {
        if let time = Timestamp(text) { return time }
        let example =
            "write it as 2026-01-02T03:04:05Z, '2026-01-02 03:04:05+02' or '2026-01-02 03:04:05 Europe/Berlin'"
        guard let space = text.lastIndex(of: " ") else { throw RestoreError(reason(text, example)) }
        let zone = String(text[text.index(after: space)...])
        guard zone.first?.isLetter ?? false else { throw RestoreError(reason(text, example)) }
        // As if it were UTC: the fields, and that they are possible.
        guard let civil = Timestamp(text[..<space], missingOffset: 0), !hasOffset(text[..<space]) else {
            throw RestoreError("'\(text)' is no time: \(example)")
        }
        guard zone.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !zone.contains(".."), !zone.hasPrefix("/"),
            Files.exists("\(directory)/\(zone)"), !Files.isDirectory("\(directory)/\(zone)")
        else {
            throw RestoreError(
                "'\(zone)' is no time zone that this machine knows (\(directory)): give an offset from UTC")
        }
        return try moment(civil, in: zone, text)
    }

    private static func reason(_ text: String, _ example: String) -> String {
        guard Timestamp(text, missingOffset: 0) != nil else { return "'\(text)' is no time: \(example)" }
        return "'\(text)' has no offset from UTC, and means another moment on another machine: \(example)"
    }

    /// Whether a time says an offset itself.
    private static func hasOffset(_ text: Substring) -> Bool { Timestamp(text) != nil }

    private static func moment(_ civil: Timestamp, in zone: String, _ text: String) throws(RestoreError) -> Timestamp {
        let seconds = civil.microseconds / 1_000_000
        let offsets = offsets(around: time_t(seconds), in: zone)
        // A moment is right if the zone has that offset at it.
        let fitting = offsets.filter { Self.offset(at: time_t(seconds) - $0, in: zone) == $0 }
        guard let found = fitting.first else {
            throw RestoreError("'\(text)' does not exist: the clocks were put forward over it")
        }
        guard fitting.count == 1 else {
            let choices = fitting.sorted(by: >).map { Self.text($0) }.joined(separator: " and ")
            throw RestoreError("'\(text)' exists twice, because the clocks were put back: give an offset, \(choices)")
        }
        return Timestamp(microseconds: civil.microseconds - Int64(found) * 1_000_000)
    }

    /// Those that the zone has within a day of a time.
    private static func offsets(around time: time_t, in zone: String) -> [Int] {
        var found: [Int] = []
        for hours in stride(from: -26, through: 26, by: 1) {
            let offset = offset(at: time + hours * 3600, in: zone)
            if !found.contains(offset) { found.append(offset) }
        }
        return found
    }

    /// Seconds east of UTC.
    private static func offset(at time: time_t, in zone: String) -> Int {
        let before = getenv("TZ").map { String(cString: $0) }
        setenv("TZ", ":" + zone, 1)
        tzset()
        defer {
            if let before { setenv("TZ", before, 1) } else { unsetenv("TZ") }
            tzset()
        }
        var moment = time
        var fields = tm()
        localtime_r(&moment, &fields)
        return fields.tm_gmtoff
    }

    private static func text(_ offset: Int) -> String {
        func pad(_ value: Int) -> String { value < 10 ? "0\(value)" : String(value) }
        let minutes = abs(offset) / 60
        return (offset < 0 ? "-" : "+") + pad(minutes / 60) + ":" + pad(minutes % 60)
    }
}
