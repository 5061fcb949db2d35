/// A moment in civil time: microseconds since 1970-01-01 00:00:00 UTC.
package struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }

    /// Parses ISO 8601 with an offset from UTC that must be there, because a time without one means another moment on
    /// another machine: `2026-01-02T03:04:05Z`, `2026-01-02 03:04:05.678901+02`, `…-05:30`. Seconds may be left out.
    package init?(_ text: some StringProtocol) { self.init(text, missingOffset: nil) }

    /// - Parameter missingOffset: seconds east of UTC for a text that says none; nil refuses it.
    init?(_ text: some StringProtocol, missingOffset: Int?) {
        var scanner = Scanner(text)
        guard let year = scanner.digits(4), scanner.skip("-"), let month = scanner.digits(2), scanner.skip("-"),
            let day = scanner.digits(2), scanner.skip("T") || scanner.skip("t") || scanner.skip(" "),
            let hour = scanner.digits(2), scanner.skip(":"), let minute = scanner.digits(2)
        else { return nil }
        var second = 0
        var fraction = 0
        if scanner.skip(":") {
            guard let value = scanner.digits(2) else { return nil }
            second = value
            if scanner.skip(".") {
                guard let value = scanner.fraction(digits: 6) else { return nil }
                fraction = value
            }
        }
        guard (1...12).contains(month), (1...Self.days(in: month, of: year)).contains(day), hour < 24, minute < 60,
            second < 60, let offset = scanner.offset(missing: missingOffset), scanner.isAtEnd
        else { return nil }
        let days = Self.daysSinceEpoch(year: year, month: month, day: day)
        let seconds = Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second) - Int64(offset)
        microseconds = seconds * 1_000_000 + Int64(fraction)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// `2026-01-02 03:04:05.678901+00:00`; without a fraction when there is none. Barman's form, and good for
    /// `recovery_target_time`.
    package var description: String { render(separator: " ", zone: "+00:00") }

    /// `2026-01-02T03:04:05.678901Z`, for people and JSON.
    package var iso8601: String { render(separator: "T", zone: "Z") }

    /// `20260102T030405`: the form of a backup's id.
    package var compact: String {
        let (date, clock, _) = fields
        return pad(date.year, 4) + pad(date.month, 2) + pad(date.day, 2) + "T" + pad(clock.hour, 2)
            + pad(clock.minute, 2) + pad(clock.second, 2)
    }

    private func render(separator: String, zone: String) -> String {
        let (date, clock, fraction) = fields
        let dot = fraction == 0 ? "" : "." + pad(fraction, 6)
        return pad(date.year, 4) + "-" + pad(date.month, 2) + "-" + pad(date.day, 2) + separator + pad(clock.hour, 2)
            + ":" + pad(clock.minute, 2) + ":" + pad(clock.second, 2) + dot + zone
    }

    private var fields:
        (date: (year: Int, month: Int, day: Int), clock: (hour: Int, minute: Int, second: Int), fraction: Int)
    {
        let (seconds, fraction) = microseconds.floorDivided(by: 1_000_000)
        let (days, ofDay) = seconds.floorDivided(by: 86_400)
        let clock = (Int(ofDay) / 3600, Int(ofDay) / 60 % 60, Int(ofDay) % 60)
        return (Self.date(daysSinceEpoch: Int(days)), clock, Int(fraction))
    }

    // Years are counted from March, so that the leap day is the last of its year; 400 years are 146097 days.

    private static func daysSinceEpoch(year: Int, month: Int, day: Int) -> Int {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func date(daysSinceEpoch: Int) -> (year: Int, month: Int, day: Int) {
        let (era, day) = Int64(daysSinceEpoch + 719_468).floorDivided(by: 146_097)
        let ofEra = Int(day)
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * ofYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (Int(era) * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, ofYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func days(in month: Int, of year: Int) -> Int {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}

private func pad(_ value: Int, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}

extension Int64 {
    fileprivate func floorDivided(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}

/// Reads a time from the front.
private struct Scanner {
    private var rest: Substring.UTF8View

    init(_ text: some StringProtocol) { rest = Substring(text).utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    mutating func digits(_ count: Int) -> Int? {
        var value = 0
        for _ in 0..<count {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// The digits behind a decimal point, as a number of `digits` digits; more precise ones are cut off.
    mutating func fraction(digits: Int) -> Int? {
        var value = 0
        var count = 0
        while let digit = digit() {
            if count < digits { value = value * 10 + digit }
            count += 1
        }
        guard count > 0 else { return nil }
        for _ in 0..<max(0, digits - count) { value *= 10 }
        return value
    }

    /// Seconds east of UTC: `Z`, `+02`, `+0200`, `+02:00`.
    mutating func offset(missing: Int?) -> Int? {
        if isAtEnd { return missing }
        if skip("Z") || skip("z") { return 0 }
        let negative = skip("-")
        guard negative || skip("+"), let hours = digits(2) else { return nil }
        var minutes = 0
        if skip(":") || !isAtEnd {
            guard let value = digits(2) else { return nil }
            minutes = value
        }
        guard hours <= 15, minutes < 60 else { return nil }
        return (negative ? -1 : 1) * (hours * 3600 + minutes * 60)
    }

    private mutating func digit() -> Int? {
        guard let byte = rest.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
        rest.removeFirst()
        return Int(byte - UInt8(ascii: "0"))
    }
}
