/// The label names of a metric family, and their values for one of its series.
///
/// A type per label set: which labels a family bears is settled when the program is compiled. Values must come from
/// a small, known set, because every combination is a series of its own for as long as the process lives.
package protocol MetricLabels: Hashable, Sendable {
    static var names: [String] { get }
    /// As many as `names`, in their order.
    var values: [String] { get }
}

/// A single label whose values are the cases of an enum.
extension MetricLabels where Self: RawRepresentable, RawValue == String {
    package var values: [String] { [rawValue] }
}

/// The label set of a family that has one series only.
package struct NoLabels: MetricLabels {
    package static let names: [String] = []
    package var values: [String] { [] }

    package init() {}
}
