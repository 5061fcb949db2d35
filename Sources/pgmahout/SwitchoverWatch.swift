import ClusterModel

/// Tells from one report of the cluster after the other how a switchover went.
struct SwitchoverWatch {
    enum Verdict: Hashable {
        case pending
        case finished(Transition)
        /// It was recorded, and then neither pending nor finished: something else came in between.
        case dropped(String)
    }

    /// A request that has gone may still show up as finished in the reports of a member that reads the record later.
    private static let patience = Duration.seconds(5)

    let id: String
    private var wasPending = false
    private var goneSince: Instant?

    init(id: String) { self.id = id }

    mutating func judge(_ cluster: ClusterStatus, at now: Instant) -> Verdict {
        if let last = cluster.lastTransition, last.id == id { return .finished(last) }
        if cluster.pendingSwitchover?.id == id {
            wasPending = true
            goneSince = nil
            return .pending
        }
        guard wasPending else { return .pending }
        let since = goneSince ?? now
        goneSince = since
        guard now.since(since) >= Self.patience else { return .pending }
        guard let last = cluster.lastTransition else { return .dropped("nothing has taken its place") }
        return .dropped("a \(last.kind.rawValue) came in between: \(last.reason)")
    }
}
