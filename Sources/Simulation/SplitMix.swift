/// A seeded generator, so that a failing run can be replayed exactly.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0xD134_2543_DE82_EF95 &+ 0x9E37_79B9_7F4A_7C15 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 to `bound` − 1.
    mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(max(1, bound))).high)
    }

    /// True `percent` times in a hundred.
    mutating func chance(_ percent: Double) -> Bool {
        Double(next() >> 11) * 0x1p-53 * 100 < percent
    }

    /// Nanoseconds.
    mutating func between(_ low: Int64, _ high: Int64) -> Int64 {
        low + Int64(below(Int(max(0, high - low)) + 1))
    }

    mutating func between(_ range: Span) -> Int64 { between(range.low, range.high) }

    mutating func element<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[below(elements.count)]
    }
}

/// A range of times, in nanoseconds.
struct Span: Sendable {
    var low: Int64
    var high: Int64

    static func milliseconds(_ low: Int64, _ high: Int64) -> Span {
        Span(low: low.milliseconds, high: high.milliseconds)
    }

    static func seconds(_ low: Double, _ high: Double) -> Span {
        Span(low: Int64(low * 1e9), high: Int64(high * 1e9))
    }
}

extension Int64 {
    /// So many milliseconds, in nanoseconds.
    var milliseconds: Int64 { self * 1_000_000 }
    /// So many seconds, in nanoseconds.
    var seconds: Int64 { self * 1_000_000_000 }
}
