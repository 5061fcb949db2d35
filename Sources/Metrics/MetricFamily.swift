/// What every series of one name shares.
package struct MetricHeader: Hashable, Sendable {
    /// The types of the text format that are used here.
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    /// Snake case, with the unit and, for a counter, `_total` at the end.
    package let name: String
    /// One sentence.
    package let help: String
    package let kind: Kind

    package init(name: String, help: String, kind: Kind) {
        self.name = name
        self.help = help
        self.kind = kind
    }
}

/// All series of one name.
package protocol MetricFamily: AnyObject, Sendable {
    var header: MetricHeader { get }
    /// Appends the samples, in an order that does not change between two scrapes; nothing when there are none.
    func write(to text: inout TextFormat)
}
