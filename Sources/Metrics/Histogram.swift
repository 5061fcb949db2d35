import Synchronization

/// How often values fell below fixed bounds, with their sum. May be used from any thread.
package final class Histogram<Labels: MetricLabels>: MetricFamily {
    private struct Series {
        /// One more than there are bounds; not cumulative.
        var counts: [UInt64]
        var sum = 0.0
    }

    package let header: MetricHeader
    /// Upper bounds, inclusive and ascending; `+Inf` is implied.
    package let bounds: [Double]
    private let series = Mutex<[Labels: Series]>([:])

    init(_ header: MetricHeader, bounds: [Double]) {
        self.header = header
        self.bounds = bounds.filter(\.isFinite).sorted()
    }

    /// A value that is not a number is ignored: it would spoil the sum for good.
    package func observe(_ labels: Labels, _ value: Double) {
        guard value.isFinite else { return }
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        series.withLock {
            var entry = $0[labels] ?? Series(counts: [UInt64](repeating: 0, count: bounds.count + 1))
            entry.counts[bucket] += 1
            entry.sum += value
            $0[labels] = entry
        }
    }

    package func write(to text: inout TextFormat) {
        let current = series.withLock { $0 }
        guard !current.isEmpty else { return }
        text.begin(header)
        let sorted = current.sorted { $0.key.values.lexicographicallyPrecedes($1.key.values) }
        for (labels, entry) in sorted {
            let pairs = Array(zip(Labels.names, labels.values))
            var cumulative: UInt64 = 0
            for (bound, count) in zip(bounds + [.infinity], entry.counts) {
                cumulative += count
                text.sample(
                    header.name + "_bucket", pairs + [("le", TextFormat.number(bound))], Double(cumulative))
            }
            text.sample(header.name + "_sum", pairs, entry.sum)
            text.sample(header.name + "_count", pairs, Double(cumulative))
        }
    }
}

extension Histogram where Labels == NoLabels {
    package func observe(_ value: Double) { observe(NoLabels(), value) }
}
