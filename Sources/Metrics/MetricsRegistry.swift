/// Declares metric families, once each, and renders them in the order of declaration.
///
/// Built at start and never changed after: families are fixed, only their values move.
package struct MetricsRegistry: Sendable {
    private var families: [any MetricFamily] = []

    package init() {}

    /// A counter's name ends in `_total`.
    package mutating func counter<Labels: MetricLabels>(
        _ name: String, _ help: String, by labels: Labels.Type = NoLabels.self
    ) -> Counter<Labels> {
        add(Counter(MetricHeader(name: name, help: help, kind: .counter)))
    }

    package mutating func gauge<Labels: MetricLabels>(
        _ name: String, _ help: String, by labels: Labels.Type = NoLabels.self
    ) -> Gauge<Labels> {
        add(Gauge(MetricHeader(name: name, help: help, kind: .gauge)))
    }

    /// - Parameter bounds: upper bounds of the buckets in the unit of the name; `+Inf` is added.
    package mutating func histogram<Labels: MetricLabels>(
        _ name: String, _ help: String, bounds: [Double], by labels: Labels.Type = NoLabels.self
    ) -> Histogram<Labels> {
        add(Histogram(MetricHeader(name: name, help: help, kind: .histogram), bounds: bounds))
    }

    private mutating func add<Family: MetricFamily>(_ family: Family) -> Family {
        families.append(family)
        return family
    }

    package var headers: [MetricHeader] { families.map(\.header) }

    /// The text that a scrape gets, complete with its last line feed.
    package func render() -> String {
        var text = TextFormat()
        for family in families { family.write(to: &text) }
        return text.text
    }
}
