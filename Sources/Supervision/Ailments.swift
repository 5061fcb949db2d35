import ClusterModel
import Leadership
import Platform
import Postgres

/// What a knock at the server's door showed: a connection beside the long-lived one, and a look at its processes.
enum Knock: Hashable, Sendable {
    /// A new connection was served, or at least turned away by somebody who is awake.
    case answered
    /// Every connection is taken, those that are reserved too: the server lives.
    case exhausted
    /// Nobody takes new connections: the postmaster hangs or is stopped.
    case silent
    /// So many of the server's processes are stopped (SIGSTOP): whoever they serve waits for ever.
    case stopped(Int, of: Int)
}

/// What is wrong with the local server and its disk, told apart. Pure.
struct Ailments: Sendable {
    /// The long-lived connection has got no answer since then.
    private(set) var serverSilentSince: Instant?
    /// New connections have got none since then, or most processes were found stopped.
    private(set) var doorSilentSince: Instant?
    private var stopped: (count: Int, total: Int)?
    private(set) var isExhausted = false

    init() {}

    mutating func answered() {
        serverSilentSince = nil
        isExhausted = false
    }

    /// - Returns: whether it is a proof of life all the same.
    mutating func failed(_ error: SQLError, at moment: Instant) -> Bool {
        if error.sqlState == "53300" {
            isExhausted = true
            serverSilentSince = nil
            return true
        }
        if error.kind == .timedOut { serverSilentSince = serverSilentSince ?? moment }
        return false
    }

    mutating func knocked(_ knock: Knock, at moment: Instant) {
        stopped = nil
        switch knock {
        case .answered:
            doorSilentSince = nil
        case .exhausted:
            doorSilentSince = nil
            isExhausted = true
        case .silent: doorSilentSince = doorSilentSince ?? moment
        case .stopped(let count, let total):
            doorSilentSince = doorSilentSince ?? moment
            stopped = (count, total)
        }
    }

    /// The last proof that the whole of it works, when the long-lived connection has answered at `moment`.
    func proof(_ moment: Instant) -> Instant { doorSilentSince.map { min($0, moment) } ?? moment }

    /// In one sentence; nil when nothing is wrong. What is at the bottom of the rest comes first.
    func problem(disk: DiskHealth, at now: Instant) -> String? {
        func ago(_ moment: Instant) -> String { "for \(max(.zero, now.since(moment)).milliseconds) ms" }
        switch disk {
        case .hung(let since): return "the disk of the data directory has not finished a write \(ago(since))"
        case .full: return "the disk of the data directory is full: make room on it, and it goes on by itself"
        case .fine: break
        }
        if let stopped, let doorSilentSince {
            return "\(stopped.count) of postgres' \(stopped.total) processes have been stopped (SIGSTOP) "
                + ago(doorSilentSince)
        }
        if let doorSilentSince { return "the postmaster has not taken a new connection \(ago(doorSilentSince))" }
        if let serverSilentSince { return "postgres has not answered \(ago(serverSilentSince))" }
        if isExhausted { return "all connections of postgres are taken, those for its superuser too" }
        return nil
    }
}
