import Glibc

/// A moment of civil time in the forms that S3 uses: whole seconds since 1970-01-01 00:00:00 UTC.
struct S3Moment: Hashable, Comparable, Sendable {
    var seconds: Int64

    init(seconds: Int64) { self.seconds = seconds }

    /// By this machine's clock.
    static func now() -> S3Moment { S3Moment(seconds: Int64(time(nil))) }

    static func < (left: S3Moment, right: S3Moment) -> Bool { left.seconds < right.seconds }

    /// `2013-05-24T00:00:00Z`, with or without a fraction and with `Z` or nothing behind: always UTC.
    init?(iso8601 text: String) {
        let parts = text.split(separator: "T", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let date = parts[0].split(separator: "-").compactMap { Int($0) }
        let clock = parts[1].prefix { $0 != "." && $0 != "Z" }
        guard date.count == 3 else { return nil }
        self.init(year: date[0], month: date[1], day: date[2], clock: clock)
    }

    /// The form of the header `Date`: `Fri, 24 May 2013 00:00:00 GMT`.
    init?(http text: String) {
        let words = text.split(separator: " ")
        guard words.count == 6, words[5] == "GMT", let day = Int(words[1]), let year = Int(words[3]),
            let month = Self.months.firstIndex(of: String(words[2]))
        else { return nil }
        self.init(year: year, month: month + 1, day: day, clock: words[4])
    }

    private init?(year: Int, month: Int, day: Int, clock: Substring) {
        let clock = clock.split(separator: ":").compactMap { Int($0) }
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day), clock.count == 3,
            (0..<24).contains(clock[0]), (0..<60).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        // Years are counted from March, so that the leap day is the last of its year; 400 years are 146097 days.
        let shifted = month > 2 ? year : year - 1
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + ofYear - 719_468
        self.init(seconds: Int64(days) * 86_400 + Int64(clock[0] * 3600 + clock[1] * 60 + clock[2]))
    }

    /// `20130524`
    var day: String { String(stamp.prefix(8)) }

    /// `20130524T000000Z`
    var stamp: String {
        var (parts, moment) = (tm(), time_t(seconds))
        gmtime_r(&moment, &parts)
        func padded(_ value: Int32, _ width: Int = 2) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        return padded(parts.tm_year + 1900, 4) + padded(parts.tm_mon + 1) + padded(parts.tm_mday) + "T"
            + padded(parts.tm_hour) + padded(parts.tm_min) + padded(parts.tm_sec) + "Z"
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
}
