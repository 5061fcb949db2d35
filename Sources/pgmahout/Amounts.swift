import ClusterModel

/// Numbers as people read them in tables.
enum Amounts {
    /// `0 B`, `999 B`, `1.5 MiB`.
    static func bytes(_ count: UInt64) -> String {
        var value = Double(count)
        var unit = "B"
        for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] where value >= 1024 {
            value /= 1024
            unit = next
        }
        return unit == "B" ? "\(count) B" : "\(tenths(value)) \(unit)"
    }

    /// `3.4 s`
    static func seconds(milliseconds: Int64) -> String { tenths(Double(max(0, milliseconds)) / 1000) + " s" }

    /// `45 s`, `12 min`, `3 h 20 min`.
    static func left(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        if seconds < 120 { return "\(seconds) s" }
        let minutes = (seconds + 59) / 60
        return minutes < 120 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }

    private static func tenths(_ value: Double) -> String {
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
