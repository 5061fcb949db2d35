/// Growing pauses between attempts, each drawn from the upper half of its span: many members that lost the same
/// server do not come back to it at the same moment.
struct BackOff {
    private let first: Duration
    private let longest: Duration
    private var span: Duration

    init(first: Duration = .milliseconds(200), longest: Duration = .seconds(10)) {
        self.first = first
        self.longest = longest
        span = first
    }

    mutating func next() -> Duration {
        defer { span = min(span * 2, longest) }
        return span * Double.random(in: 0.5...1)
    }

    mutating func reset() { span = first }
}
