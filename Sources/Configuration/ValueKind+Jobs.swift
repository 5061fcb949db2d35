import Schedules

extension ValueKind where Value == CronSchedule {
    static var schedule: ValueKind { ValueKind(CronSchedule.allowed) { CronSchedule($0) } }
}

extension ValueKind where Value == ZoneRules {
    private static var directory: String { "/usr/share/zoneinfo/" }

    /// Read here: whoever reads a configuration may read files.
    static var timeZone: ValueKind {
        ValueKind("UTC, or a name of /usr/share/zoneinfo such as Europe/Berlin (is the package tzdata installed?)") {
            name in
            if ["UTC", "Etc/UTC", "Z"].contains(name) { return .utc }
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            let known = name.utf8.allSatisfy {
                TextRules.isLowerCaseOrDigit($0 | 0x20) || "/_+-".utf8.contains($0)
            }
            guard known, parts.allSatisfy({ !$0.isEmpty }),
                let bytes = try? ConfigurationFiles.system.read(directory + name, 1 << 20)
            else { return nil }
            return ZoneRules(name: name, tzif: bytes)
        }
    }
}

extension ValueKind where Value == String {
    /// As the archive's room reads it; here only that it is one.
    static var retentionPolicy: ValueKind {
        ValueKind("REDUNDANCY n, RECOVERY WINDOW OF n DAYS|WEEKS|MONTHS, or such as 30d, 4w, 3m") { text in
            let words = text.lowercased().split(whereSeparator: \.isWhitespace)
            func isCount(_ text: Substring) -> Bool {
                text.utf8.allSatisfy(TextRules.isDigit) && (Int(text).map { (1...10_000).contains($0) } ?? false)
            }
            let isPolicy =
                switch words.count {
                case 1: "dwm".contains(words[0].last ?? " ") && isCount(words[0].dropLast())
                case 2: words[0] == "redundancy" && isCount(words[1])
                case 5:
                    words[..<3] == ["recovery", "window", "of"] && isCount(words[3])
                        && ["day", "days", "week", "weeks", "month", "months"].contains(words[4])
                default: false
                }
            return isPolicy ? text : nil
        }
    }
}

extension ValueKind where Value == String {
    static var databaseName: ValueKind {
        ValueKind("the name of a database on one line") { TextRules.isDatabaseName($0) ? $0 : nil }
    }
}

extension ValueKind where Value == [String] {
    static var databaseNames: ValueKind {
        uniqueList("a list of names of databases, such as [app, \"My data\"]") { name in
            TextRules.isDatabaseName(name) ? nil : "the name of a database on one line"
        }
    }

    static var queries: ValueKind {
        uniqueList("a list of SQL statements") { text in
            text.isEmpty || text.utf8.count > 10_000 ? "a statement of at most 10,000 bytes" : nil
        }
    }
}

extension TextRules {
    fileprivate static func isDatabaseName(_ name: String) -> Bool {
        isOneLine(name) && (1...63).contains(name.utf8.count)
    }
}
