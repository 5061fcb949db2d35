import ClusterModel

/// Tells from one report of the cluster after the other how a request went.
struct RequestWatch {
    enum Kind: Hashable {
        case switchover, restart, demotion, promotion
        case reclone(MemberName)

        /// The request of this kind that the cluster still has to carry out.
        func pending(_ cluster: ClusterStatus) -> String? {
            switch self {
            case .switchover: cluster.pendingSwitchover?.id ?? cluster.intent.switchover?.id
            case .restart: cluster.intent.restart?.id
            case .demotion: cluster.intent.demotion?.id
            case .promotion: cluster.intent.promotion?.id
            case .reclone(let name): cluster.intent.reclone[name]?.id
            }
        }
    }

    enum Verdict: Hashable {
        case pending
        case finished(Transition)
        /// It was recorded, and then neither pending nor finished: something else came in between.
        case dropped(String)
    }

    /// A request that has gone may still show up as finished in the reports of a member that reads the record later.
    private static let patience = Duration.seconds(5)

    let kind: Kind
    let id: String
    private var wasPending = false
    private var goneSince: Instant?

    init(_ kind: Kind, id: String) {
        self.kind = kind
        self.id = id
    }

    mutating func judge(_ cluster: ClusterStatus, at now: Instant) -> Verdict {
        if let last = cluster.lastTransition, last.id == id { return .finished(last) }
        if kind.pending(cluster) == id {
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
