import Synchronization

/// A value that only grows while its source lives. May be used from any thread.
package final class Counter<Labels: MetricLabels>: MetricFamily {
    package let header: MetricHeader
    private let series = Mutex<[Labels: Double]>([:])

    init(_ header: MetricHeader) { self.header = header }

    /// A negative amount is ignored: a counter that falls would read as a restart.
    package func increment(_ labels: Labels, by amount: Double = 1) {
        guard amount >= 0 else { return }
        series.withLock { $0[labels, default: 0] += amount }
    }

    /// Takes over a total that is counted elsewhere. It may fall when its source starts anew: readers of counters
    /// expect that.
    package func set(_ labels: Labels, to total: Double) {
        series.withLock { $0[labels] = total }
    }

    /// 0 when nothing was ever counted.
    package func value(_ labels: Labels) -> Double {
        series.withLock { $0[labels] ?? 0 }
    }

    package func clear() {
        series.withLock { $0.removeAll(keepingCapacity: true) }
    }

    package func write(to text: inout TextFormat) {
        text.samples(header, series.withLock { $0 })
    }
}

extension Counter where Labels == NoLabels {
    package func increment(by amount: Double = 1) { increment(NoLabels(), by: amount) }
    package func set(to total: Double) { set(NoLabels(), to: total) }
    package var value: Double { value(NoLabels()) }
}
