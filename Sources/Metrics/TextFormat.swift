/// Writes Prometheus' text exposition format, version 0.0.4.
package struct TextFormat: Sendable {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    package private(set) var text = ""

    package init() {}

    /// The `HELP` and `TYPE` lines that open a family.
    package mutating func begin(_ header: MetricHeader) {
        text += "# HELP \(header.name) \(Self.escaped(header.help, quotes: false))\n"
        text += "# TYPE \(header.name) \(header.kind.rawValue)\n"
    }

    /// One line; `labels` in the order given.
    package mutating func sample(_ name: String, _ labels: [(name: String, value: String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            text += "{"
            text += labels.map { "\($0.name)=\"\(Self.escaped($0.value, quotes: true))\"" }.joined(separator: ",")
            text += "}"
        }
        text += " "
        text += Self.number(value)
        text += "\n"
    }

    /// A whole family of plain values, sorted by label values; nothing when there are none.
    mutating func samples<Labels: MetricLabels>(_ header: MetricHeader, _ series: [Labels: Double]) {
        guard !series.isEmpty else { return }
        begin(header)
        for (labels, value) in series.sorted(by: { $0.key.values.lexicographicallyPrecedes($1.key.values) }) {
            sample(header.name, Array(zip(Labels.names, labels.values)), value)
        }
    }

    /// Whole numbers without a fraction, the rest in the shortest form that reads back the same.
    package static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return Int64(exactly: value).map { String($0) } ?? value.description
    }

    /// Backslash and line feed are escaped everywhere, quotes in label values only.
    static func escaped(_ text: String, quotes: Bool) -> String {
        // Looks at scalars: "\r\n" is one Character, and would slip through.
        guard text.unicodeScalars.contains(where: { $0 == "\\" || $0 == "\n" || $0 == "\"" }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
