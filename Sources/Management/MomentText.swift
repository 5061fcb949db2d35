/// Moments as requests write them.
enum MomentText {
    /// Milliseconds since 1970 of ISO 8601 with an offset, which must be there because a time without one means another
    /// moment on another machine: `2026-01-02T03:04:05Z`, `2026-01-02 03:04+02:00`. nil for anything else.
    static func milliseconds(_ text: String) -> Int64? {
        var rest = text.utf8[...]
        guard let year = number(4, &rest), skip("-", &rest), let month = number(2, &rest), skip("-", &rest),
            let day = number(2, &rest), skip("T", &rest) || skip("t", &rest) || skip(" ", &rest),
            let hour = number(2, &rest), skip(":", &rest), let minute = number(2, &rest)
        else { return nil }
        var second: Int64 = 0
        var fraction: Int64 = 0
        if skip(":", &rest) {
            guard let value = number(2, &rest) else { return nil }
            second = value
            if skip(".", &rest) {
                guard let value = thousandths(&rest) else { return nil }
                fraction = value
            }
        }
        guard let east = offset(&rest), rest.isEmpty, (1...12).contains(month),
            (1...days(in: month, of: year)).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        let minutes = (daysSinceEpoch(year, month, day) * 24 + hour) * 60 + minute - east
        return (minutes * 60 + second) * 1000 + fraction
    }

    private static func skip(_ character: Unicode.Scalar, _ rest: inout Substring.UTF8View) -> Bool {
        guard rest.first == UInt8(ascii: character) else { return false }
        rest.removeFirst()
        return true
    }

    /// So many digits.
    private static func number(_ count: Int, _ rest: inout Substring.UTF8View) -> Int64? {
        let digits = rest.prefix(count)
        guard digits.count == count, digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        rest.removeFirst(count)
        return digits.reduce(0) { $0 * 10 + Int64($1 - UInt8(ascii: "0")) }
    }

    /// Of a second, from one digit or more; further ones are cut off.
    private static func thousandths(_ rest: inout Substring.UTF8View) -> Int64? {
        var digits: [Int64] = []
        while let digit = number(1, &rest) { digits.append(digit) }
        guard !digits.isEmpty else { return nil }
        return (digits + [0, 0]).prefix(3).reduce(0) { $0 * 10 + $1 }
    }

    /// Minutes east of UTC: `Z`, `+02`, `+0200`, `+02:00`.
    private static func offset(_ rest: inout Substring.UTF8View) -> Int64? {
        if skip("Z", &rest) || skip("z", &rest) { return 0 }
        let isWest = skip("-", &rest)
        guard isWest || skip("+", &rest), let hours = number(2, &rest), hours <= 15 else { return nil }
        guard skip(":", &rest) || !rest.isEmpty else { return (isWest ? -1 : 1) * hours * 60 }
        guard let minutes = number(2, &rest), minutes < 60 else { return nil }
        return (isWest ? -1 : 1) * (hours * 60 + minutes)
    }

    /// Years are counted from March, so that the leap day is the last of its year; 400 years are 146097 days.
    private static func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    private static func days(in month: Int64, of year: Int64) -> Int64 {
        switch month {
        case 4, 6, 9, 11: 30
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        default: 31
        }
    }
}
