import ClusterModel

/// How long a transfer may stand still.
struct IdleBound {
    private let limit: Duration
    private(set) var deadline: Instant
    private var sent = 0

    init(_ limit: Duration, now: Instant) {
        self.limit = limit
        deadline = now + limit
    }

    /// Something came in.
    mutating func noteBytes(now: Instant) { deadline = now + limit }

    /// - Parameter sent: bytes of the body that went out so far; more than at the last look is progress.
    mutating func isExceeded(now: Instant, sent: Int) -> Bool {
        guard now >= deadline else { return false }
        guard sent > self.sent else { return true }
        self.sent = sent
        deadline = now + limit
        return false
    }
}
