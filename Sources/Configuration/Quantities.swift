/// Text forms of times and sizes, as the file and the documentation write them.
package enum Quantities {
    /// Whole nanoseconds of a unit of time.
    private static let times: [(unit: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("min", 60_000_000_000), ("m", 60_000_000_000),
        ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000),
    ]

    /// Powers of 1024 throughout, as PostgreSQL reads `kB` and `MB`.
    private static let sizes: [(unit: String, shift: UInt64)] = [
        ("TB", 40), ("GB", 30), ("MB", 20), ("kB", 10), ("KB", 10), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10),
        ("B", 0),
    ]

    /// Parses `6s`, `500ms`, `1.5h` or `0`; nil when the text is anything else or beyond 292 years.
    static func duration(_ text: String) -> Duration? {
        if text == "0" { return .zero }
        guard let (number, unit) = split(text), let nanoseconds = times.first(where: { $0.unit == unit })?.nanoseconds
        else { return nil }
        let product = number * Double(nanoseconds)
        return product < 9e18 ? .nanoseconds(Int64(product.rounded())) : nil
    }

    /// Parses `16MiB`, `1GB` or `8192` (bytes); nil when the text is anything else or beyond 2^53.
    package static func bytes(_ text: String) -> UInt64? {
        if let plain = UInt64(text), text.first?.isNumber == true { return plain }
        guard let (number, unit) = split(text), let shift = sizes.first(where: { $0.unit == unit })?.shift else {
            return nil
        }
        let product = number * Double(UInt64(1) << shift)
        return product < 9e15 && product == product.rounded() ? UInt64(product) : nil
    }

    /// The largest unit that leaves a whole number.
    static func text(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        if nanoseconds == 0 { return "0s" }
        for (unit, size) in times where unit != "min" && nanoseconds % size == 0 {
            return "\(nanoseconds / size)\(unit)"
        }
        return "\(Double(nanoseconds) / 1e6)ms"
    }

    /// The largest unit that leaves a whole number.
    static func text(_ bytes: UInt64) -> String {
        for (unit, shift) in sizes where unit.contains("i") && bytes > 0 && bytes % (1 << shift) == 0 {
            return "\(bytes >> shift)\(unit)"
        }
        return "\(bytes)B"
    }

    /// A decimal number without sign or exponent, and what follows it.
    private static func split(_ text: String) -> (number: Double, unit: String)? {
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        guard digits.first != ".", digits.last != ".", let number = Double(digits) else { return nil }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        return (number, String(unit))
    }
}
