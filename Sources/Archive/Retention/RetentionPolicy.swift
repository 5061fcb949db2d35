import ClusterModel

/// How long backups are kept, in the words of Barman and CloudNativePG.
package enum RetentionPolicy: Hashable, Sendable, CustomStringConvertible {
    /// The newest so many.
    case redundancy(Int)
    /// What it takes to recover to any moment of the last so many days.
    case window(days: Int)

    /// `REDUNDANCY n`, `RECOVERY WINDOW OF n DAYS|WEEKS|MONTHS`, or in short `30d`, `4w`, `3m`; a month has 31 days, as
    /// Barman counts. nil for anything else.
    package init?(_ text: some StringProtocol) {
        let words = text.lowercased().split(whereSeparator: \.isWhitespace).map(String.init)
        switch words.count {
        case 1:
            guard let unit = words[0].last, let count = Self.count(words[0].dropLast()) else { return nil }
            switch unit {
            case "d": self = .window(days: count)
            case "w": self = .window(days: count * 7)
            case "m": self = .window(days: count * 31)
            default: return nil
            }
        case 2 where words[0] == "redundancy":
            guard let count = Self.count(words[1]) else { return nil }
            self = .redundancy(count)
        case 5 where Array(words[..<3]) == ["recovery", "window", "of"]:
            guard let count = Self.count(words[3]) else { return nil }
            switch words[4] {
            case "day", "days": self = .window(days: count)
            case "week", "weeks": self = .window(days: count * 7)
            case "month", "months": self = .window(days: count * 31)
            default: return nil
            }
        default: return nil
        }
    }

    private static func count(_ text: some StringProtocol) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let value = Int(text), (1...10_000).contains(value)
        else { return nil }
        return value
    }

    package var description: String {
        switch self {
        case .redundancy(let count): "REDUNDANCY \(count)"
        case .window(let days): "RECOVERY WINDOW OF \(days) DAYS"
        }
    }
}

/// What a person decided about one backup: Barman's `annotations/keep`.
package enum KeepAnnotation: String, Hashable, Sendable, CaseIterable {
    /// With all the WAL after it: it can be recovered to any later moment.
    case full
    /// With just the WAL that makes it consistent.
    case standalone
}
