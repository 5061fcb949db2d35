/// A moment in UTC as calendars write it. Without the C library, whose conversions lock and read files.
struct CivilTime: Hashable, CustomStringConvertible {
    /// Since 1970-01-01 00:00:00 UTC.
    let milliseconds: Int64

    init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Parses what PostgreSQL writes with `log_timezone = UTC`: `2026-01-02 03:04:05.678 UTC`, also `GMT`.
    /// nil for any other zone: their abbreviations have no definite meaning.
    init?(postgres text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 3, ["UTC", "GMT", "Etc/UTC", "Z"].contains(parts[2]) else { return nil }
        let date = parts[0].split(separator: "-").map { Int64($0) ?? -1 }
        let clock = parts[1].split(whereSeparator: { $0 == ":" || $0 == "." }).map { Int64($0) ?? -1 }
        guard date.count == 3, (1970...9999).contains(date[0]), (1...12).contains(date[1]),
            (1...31).contains(date[2]), clock.count == 3 || clock.count == 4, (0...23).contains(clock[0]),
            (0...59).contains(clock[1]), (0...60).contains(clock[2])
        else { return nil }
        let fraction = clock.count == 4 ? clock[3] : 0
        guard (0...999).contains(fraction), clock.count == 3 || parts[1].hasSuffixOfDigits(3) else { return nil }
        let days = Self.days(year: date[0], month: date[1], day: date[2])
        milliseconds = ((days * 24 + clock[0]) * 60 + clock[1]) * 60_000 + clock[2] * 1000 + fraction
    }

    /// RFC 3339 with milliseconds: `2026-01-02T03:04:05.678Z`.
    var description: String {
        let day = milliseconds.floored(by: 86_400_000)
        let (year, month, dayOfMonth) = Self.date(days: day.quotient)
        let rest = day.remainder
        return "\(year.padded(4))-\(month.padded(2))-\(dayOfMonth.padded(2))"
            + "T\((rest / 3_600_000).padded(2)):\((rest / 60_000 % 60).padded(2)):\((rest / 1000 % 60).padded(2))"
            + ".\((rest % 1000).padded(3))Z"
    }

    // Days since 1970-01-01 in the Gregorian calendar, counted in eras of 400 years that begin on 1 March, so that
    // the leap day is the last of a year.

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.floored(by: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = era.remainder * 365 + era.remainder / 4 - era.remainder / 100 + dayOfYear
        return era.quotient * 146_097 + dayOfEra - 719_468
    }

    private static func date(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let era = (days + 719_468).floored(by: 146_097)
        let dayOfEra = era.remainder
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era.quotient * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }
}

extension Int64 {
    fileprivate func floored(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }

    fileprivate func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.utf8.count)) + digits
    }
}

extension Substring {
    /// Whether `count` digits, and no more, follow the last dot.
    fileprivate func hasSuffixOfDigits(_ count: Int) -> Bool {
        guard let dot = lastIndex(of: ".") else { return false }
        let digits = self[index(after: dot)...]
        return digits.utf8.count == count && digits.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}
