import Testing

@testable import Metrics

@Suite struct MetricFamilyTests {
    enum Outcome: String, MetricLabels, CaseIterable {
        static let names = ["outcome"]
        case won, lost
    }

    @Test("a counter adds up per label set and takes no negative amount")
    func counter() {
        var registry = MetricsRegistry()
        let counter = registry.counter("games_total", "Games.", by: Outcome.self)
        counter.increment(.won)
        counter.increment(.won, by: 2.5)
        counter.increment(.lost, by: -1)
        #expect(counter.value(.won) == 3.5)
        #expect(counter.value(.lost) == 0)
    }

    @Test("a counter that mirrors another may start anew")
    func mirror() {
        var registry = MetricsRegistry()
        let counter = registry.counter("files_total", "Files.")
        counter.set(to: 12)
        counter.set(to: 1)
        #expect(counter.value == 1)
    }

    @Test("no increment is lost between threads")
    func concurrency() async {
        var registry = MetricsRegistry()
        let counter = registry.counter("events_total", "Events.")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<1000 { counter.increment() } }
            }
        }
        #expect(counter.value == 8000)
    }

    @Test("a gauge that is set to nothing is absent")
    func gauge() {
        var registry = MetricsRegistry()
        let gauge = registry.gauge("lag_bytes", "Lag.")
        gauge.set(to: 5)
        #expect(gauge.value == 5)
        gauge.set(to: nil)
        #expect(gauge.value == nil)
        gauge.set(to: true)
        #expect(gauge.value == 1)
    }

    @Test("a histogram counts cumulatively, with inclusive bounds in ascending order")
    func histogram() {
        var registry = MetricsRegistry()
        let histogram = registry.histogram("wait_seconds", "Wait.", bounds: [1, 0.5, .infinity], by: Outcome.self)
        for value in [0.25, 0.5, 0.75, 8, .nan, .infinity] { histogram.observe(.won, value) }
        #expect(
            registry.render() == """
                # HELP wait_seconds Wait.
                # TYPE wait_seconds histogram
                wait_seconds_bucket{outcome="won",le="0.5"} 2
                wait_seconds_bucket{outcome="won",le="1"} 3
                wait_seconds_bucket{outcome="won",le="+Inf"} 4
                wait_seconds_sum{outcome="won"} 9.5
                wait_seconds_count{outcome="won"} 4

                """)
    }
}
