import ClusterModel

/// One question for consent and its answers, for the metrics: granted when all that were asked have consented.
struct ConsentRound: Hashable, Sendable {
    let term: UInt64
    let round: UInt64
    private var open: Set<MemberName>

    init(term: UInt64, round: UInt64, asked: [MemberName]) {
        self.term = term
        self.round = round
        open = Set(asked)
    }

    /// - Returns: the outcome, once: true when everybody has consented, false with the first who has not.
    mutating func note(_ name: MemberName, granted: Bool) -> Bool? {
        guard open.contains(name) else { return nil }
        guard granted else {
            open = []
            return false
        }
        open.remove(name)
        return open.isEmpty ? true : nil
    }
}
