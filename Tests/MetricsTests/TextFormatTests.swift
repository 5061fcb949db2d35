import Testing

@testable import Metrics

@Suite struct TextFormatTests {
    struct PathLabels: MetricLabels {
        static let names = ["path", "code"]
        let values: [String]
    }

    @Test(
        "numbers are written as Prometheus reads them",
        arguments: [
            (0.0, "0"), (1, "1"), (-3, "-3"), (0.25, "0.25"), (1e-5, "1e-05"),
            (9_007_199_254_740_992, "9007199254740992"),
            (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
        ])
    func numbers(value: Double, text: String) {
        #expect(TextFormat.number(value) == text)
    }

    @Test("label values and help texts are escaped, each by its own rule")
    func escaping() {
        var registry = MetricsRegistry()
        let gauge = registry.gauge("g", "a \"b\" \\ c\nd", by: PathLabels.self)
        gauge.set(PathLabels(values: ["a\"b\\c\nd\r\ne", "é"]), to: 1)
        #expect(
            registry.render() == #"""
                # HELP g a "b" \\ c\nd
                # TYPE g gauge
                g{path="a\"b\\c\nd
                """# + "\r" + #"""
                    \ne",code="é"} 1

                    """#)
    }

    @Test("samples come sorted by their label values, families in the order of their declaration")
    func order() {
        var registry = MetricsRegistry()
        let second = registry.counter("z_total", "Z.", by: PathLabels.self)
        let first = registry.gauge("a", "A.")
        first.set(to: 7)
        for values in [["/b", "200"], ["/a", "500"], ["/a", "200"]] { second.increment(PathLabels(values: values)) }
        #expect(
            registry.render() == """
                # HELP z_total Z.
                # TYPE z_total counter
                z_total{path="/a",code="200"} 1
                z_total{path="/a",code="500"} 1
                z_total{path="/b",code="200"} 1
                # HELP a A.
                # TYPE a gauge
                a 7

                """)
    }

    @Test("a family without values is not mentioned at all")
    func empty() {
        var registry = MetricsRegistry()
        let gauge = registry.gauge("a", "A.")
        _ = registry.histogram("h", "H.", bounds: [1])
        gauge.set(to: 1)
        gauge.set(to: nil)
        #expect(registry.render().isEmpty)
    }
}
