/// When something is due: cron's five fields, or six with seconds in front, or a name such as `@daily`.
///
/// Fields: second (optional), minute, hour, day of month, month, day of week; `*` or `?`, numbers, `jan`, `mon`, ranges,
/// lists and steps. Sunday is 0 or 7. When both days are restricted, either is enough, as in cron.
package struct CronSchedule: Hashable, Sendable, CustomStringConvertible {
    package let text: String
    private let seconds: Set<Int>
    private let minutes: Set<Int>
    private let hours: Set<Int>
    private let days: Set<Int>
    private let months: Set<Int>
    private let weekdays: Set<Int>
    private let anyDay: Bool
    private let anyWeekday: Bool

    package static let allowed =
        "five or six fields as in cron, such as '0 3 * * *' or '0 30 2 * * sun', or @hourly, @daily, @weekly, @monthly, "
        + "@yearly"

    private static let names = [
        "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0",
        "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
    ]
    private static let monthNames = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]
    private static let dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]

    package init?(_ text: some StringProtocol) {
        let words = text.lowercased().split(whereSeparator: \.isWhitespace).map(String.init)
        let expanded = words.count == 1 ? Self.names[words[0]] : words.joined(separator: " ")
        guard var fields = expanded?.split(separator: " ").map(String.init) else { return nil }
        if fields.count == 5 { fields.insert("0", at: 0) }
        guard fields.count == 6, let seconds = CronField(fields[0], 0...59), let minutes = CronField(fields[1], 0...59),
            let hours = CronField(fields[2], 0...23), let days = CronField(fields[3], 1...31),
            let months = CronField(fields[4], 1...12, names: Self.monthNames, firstName: 1),
            let weekdays = CronField(fields[5], 0...7, names: Self.dayNames, firstName: 0)
        else { return nil }
        self.text = words.joined(separator: " ")
        self.seconds = seconds.values
        self.minutes = minutes.values
        self.hours = hours.values
        self.days = days.values
        self.months = months.values
        self.weekdays = Set(weekdays.values.map { $0 % 7 })
        anyDay = days.isAny
        anyWeekday = weekdays.isAny
        // 31 February.
        guard Self.firstDay(from: CivilDate(year: 2000, month: 1, day: 1), matching: matches) != nil else { return nil }
    }

    package var description: String { text }

    /// The first moment behind `moment` that is due; seconds since 1970. nil only beyond the end of the calendar.
    ///
    /// Where clocks are changed: a schedule for certain hours that falls into the hour that is skipped is due at the end
    /// of the gap, once; in the hour that comes twice it is due the first time only. A schedule for every hour follows
    /// real time instead: what is skipped is left out, and what comes twice is due twice.
    package func next(after moment: Int64, in zone: ZoneRules) -> Int64? {
        hours.count == 24 ? nextInRealTime(after: moment, zone) : nextByTheClock(after: moment, zone)
    }

    private func nextByTheClock(after moment: Int64, _ zone: ZoneRules) -> Int64? {
        // From before any change of clocks that may still matter.
        var local = moment + zone.offset(at: moment) - 86_400
        while let next = nextLocal(after: local) {
            local = next
            let due = zone.moment(ofLocal: next)
            if due > moment { return due }
        }
        return nil
    }

    private func nextInRealTime(after moment: Int64, _ zone: ZoneRules) -> Int64? {
        var from = moment
        // Two changes of clocks a year, and 8 years until 29 February comes round.
        for _ in 0..<100 {
            let offset = zone.offset(at: from + 1)
            let end = zone.nextChange(after: from + 1)
            if let local = nextLocal(after: from + offset), end.map({ local - offset < $0 }) ?? true {
                return local - offset
            }
            guard let end else { return nil }
            from = end - 1
        }
        return nil
    }

    // MARK: Local time

    private func matches(_ date: CivilDate) -> Bool {
        guard months.contains(date.month) else { return false }
        let day = days.contains(date.day)
        let weekday = weekdays.contains(date.weekday)
        return anyDay || anyWeekday ? day && weekday : day || weekday
    }

    /// 29 February of a certain weekday comes every 40 years at most.
    private static func firstDay(from date: CivilDate, matching: (CivilDate) -> Bool) -> CivilDate? {
        var date = date
        for _ in 0..<(366 * 41) {
            if matching(date) { return date }
            date = date.next
        }
        return nil
    }

    /// The clock's own seconds, as if it were in UTC.
    private func nextLocal(after local: Int64) -> Int64? {
        let start = local + 1
        let today = CivilDate(daysSinceEpoch: floorDivide(start, 86_400))
        if matches(today), let second = firstSecond(from: Int(start - today.start)) {
            return today.start + Int64(second)
        }
        guard let day = Self.firstDay(from: today.next, matching: matches), let second = firstSecond(from: 0) else {
            return nil
        }
        return day.start + Int64(second)
    }

    /// Of the day.
    private func firstSecond(from second: Int) -> Int? {
        for hour in (second / 3600)..<24 where hours.contains(hour) {
            let inHour = max(0, second - hour * 3600)
            for minute in (inHour / 60)..<60 where minutes.contains(minute) {
                let inMinute = max(0, inHour - minute * 60)
                if let found = (inMinute..<60).first(where: seconds.contains) {
                    return hour * 3600 + minute * 60 + found
                }
            }
        }
        return nil
    }
}

/// One field.
private struct CronField {
    let values: Set<Int>
    let isAny: Bool

    init?(_ text: String, _ range: ClosedRange<Int>, names: [String] = [], firstName: Int = 0) {
        func number(_ text: some StringProtocol) -> Int? {
            if let index = names.firstIndex(of: String(text)) { return index + firstName }
            guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
                let value = Int(text), range.contains(value)
            else { return nil }
            return value
        }
        var found: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(halves.count), let base = halves.first else { return nil }
            var step = 1
            if halves.count == 2 {
                guard let value = Int(halves[1]), value > 0, !halves[1].hasPrefix("+") else { return nil }
                step = value
            }
            let bounds = base.split(separator: "-", omittingEmptySubsequences: false)
            let span: ClosedRange<Int>
            if base == "*" || base == "?" {
                span = range
            } else if bounds.count == 2, let first = number(bounds[0]), let last = number(bounds[1]), first <= last {
                span = first...last
            } else if bounds.count == 1, let only = number(base) {
                // From there on in steps.
                span = halves.count == 2 ? only...range.upperBound : only...only
            } else {
                return nil
            }
            found.formUnion(stride(from: span.lowerBound, through: span.upperBound, by: step))
        }
        values = found
        isAny = text.first == "*" || text == "?"
    }
}
