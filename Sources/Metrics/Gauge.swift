import Synchronization

/// A value that goes up and down. May be used from any thread.
package final class Gauge<Labels: MetricLabels>: MetricFamily {
    package let header: MetricHeader
    private let series = Mutex<[Labels: Double]>([:])

    init(_ header: MetricHeader) { self.header = header }

    /// nil removes the series: a value that is not known is absent, never a made-up number.
    package func set(_ labels: Labels, to value: Double?) {
        series.withLock { $0[labels] = value }
    }

    package func value(_ labels: Labels) -> Double? {
        series.withLock { $0[labels] }
    }

    package func clear() {
        series.withLock { $0.removeAll(keepingCapacity: true) }
    }

    package func write(to text: inout TextFormat) {
        text.samples(header, series.withLock { $0 })
    }
}

extension Gauge where Labels == NoLabels {
    package func set(to value: Double?) { set(NoLabels(), to: value) }
    package func set(to value: Bool) { set(NoLabels(), to: value ? 1 : 0) }
    package var value: Double? { value(NoLabels()) }
}
