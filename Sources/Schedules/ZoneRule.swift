/// A yearly rule in POSIX form, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule: Hashable {
    private let standard: Int64
    private let daylight: Daylight?

    private struct Daylight: Hashable {
        let offset: Int64
        let begin: Day
        let end: Day
    }

    /// A day of each year, and the second of that day by the clock that holds before.
    private struct Day: Hashable {
        enum Kind: Hashable {
            /// Month, week (5: the last), weekday.
            case weekday(Int, Int, Int)
            /// 1 to 365; 29 February is never counted.
            case julian(Int)
            /// 0 to 365.
            case ordinal(Int)
        }

        let kind: Kind
        let second: Int64

        /// In local seconds.
        func moment(in year: Int) -> Int64 {
            let first = CivilDate(year: year, month: 1, day: 1)
            switch kind {
            case .weekday(let month, let week, let weekday):
                let start = CivilDate(year: year, month: month, day: 1)
                let ahead = (weekday - start.weekday + 7) % 7
                var days = start.daysSinceEpoch + Int64(ahead + (week - 1) * 7)
                let following = CivilDate(
                    year: month == 12 ? year + 1 : year, month: month == 12 ? 1 : month + 1, day: 1)
                while days >= following.daysSinceEpoch { days -= 7 }
                return days * 86_400 + second
            case .julian(let day):
                let leap = CivilDate(year: year, month: 3, day: 1).daysSinceEpoch - first.daysSinceEpoch == 60
                return (first.daysSinceEpoch + Int64(day - 1 + (leap && day >= 60 ? 1 : 0))) * 86_400 + second
            case .ordinal(let day): return (first.daysSinceEpoch + Int64(day)) * 86_400 + second
            }
        }
    }

    init?(posix text: String) {
        var scanner = Scanner(text)
        guard scanner.name(), let standard = scanner.time() else { return nil }
        self.standard = -standard
        if scanner.isAtEnd {
            daylight = nil
            return
        }
        guard scanner.name() else { return nil }
        var offset = self.standard + 3600
        if !scanner.isAt(",") {
            guard let given = scanner.time() else { return nil }
            offset = -given
        }
        guard scanner.skip(","), let begin = scanner.day(), scanner.skip(","), let end = scanner.day(), scanner.isAtEnd
        else { return nil }
        daylight = Daylight(offset: offset, begin: begin, end: end)
    }

    func offset(at moment: Int64) -> Int64 {
        guard let daylight else { return standard }
        let last = changes(around: moment).last { $0.at <= moment }
        return last?.offset ?? (daylight.offset > standard ? standard : daylight.offset)
    }

    func nextChange(after moment: Int64) -> Int64? { changes(around: moment).first { $0.at > moment }?.at }

    private func changes(around moment: Int64) -> [(at: Int64, offset: Int64)] {
        guard let daylight else { return [] }
        let year = CivilDate(daysSinceEpoch: floorDivide(moment, 86_400)).year
        return (year - 1...year + 1).flatMap { year in
            [
                (at: daylight.begin.moment(in: year) - standard, offset: daylight.offset),
                (at: daylight.end.moment(in: year) - daylight.offset, offset: standard),
            ]
        }.sorted { $0.at < $1.at }
    }

    private struct Scanner {
        private var rest: Substring

        init(_ text: String) { rest = text[...] }

        var isAtEnd: Bool { rest.isEmpty }
        func isAt(_ character: Character) -> Bool { rest.first == character }

        mutating func skip(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest = rest.dropFirst()
            return true
        }

        /// `CET` or `<+03>`
        mutating func name() -> Bool {
            if skip("<") {
                guard let end = rest.firstIndex(of: ">") else { return false }
                rest = rest[rest.index(after: end)...]
                return true
            }
            let letters = rest.prefix(while: \.isLetter)
            rest = rest.dropFirst(letters.count)
            return letters.count >= 3
        }

        mutating func number() -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            return digits.count <= 3 ? Int(digits) : nil
        }

        /// `[+-]hh[:mm[:ss]]`, in seconds.
        mutating func time() -> Int64? {
            let sign: Int64 = skip("-") ? -1 : 1
            if sign == 1 { _ = skip("+") }
            guard let hours = number() else { return nil }
            var seconds = Int64(hours) * 3600
            for unit in [Int64(60), 1] where skip(":") {
                guard let value = number() else { return nil }
                seconds += Int64(value) * unit
            }
            return sign * seconds
        }

        mutating func day() -> Day? {
            let kind: Day.Kind
            if skip("M") {
                guard let month = number(), (1...12).contains(month), skip("."), let week = number(),
                    (1...5).contains(week), skip("."), let weekday = number(), (0...6).contains(weekday)
                else { return nil }
                kind = .weekday(month, week, weekday)
            } else if skip("J") {
                guard let day = number(), (1...365).contains(day) else { return nil }
                kind = .julian(day)
            } else {
                guard let day = number(), (0...365).contains(day) else { return nil }
                kind = .ordinal(day)
            }
            guard skip("/") else { return Day(kind: kind, second: 7200) }
            return time().map { Day(kind: kind, second: $0) }
        }
    }
}
