import ClusterModel

/// Work on the data directory or the server, carried out one at a time beside the lease, which never waits for it.
package enum Operation: Hashable, Sendable {
    /// initdb into a staging directory, then into place.
    case initialize
    /// A base backup of `from` into a staging directory, then into place; an old directory is kept until then.
    case clone(from: MemberName)
    case rewind(from: MemberName)
    /// Removes a directory that was never opened (term 0) and lost the race to become the cluster.
    case discard
    case start(StartMode)
    case stop(StopMode)
    /// Ends recovery on a timeline of exactly this number: it was claimed in the record for this promotion.
    case promote(to: TimelineID)
    /// Points a running standby to another upstream.
    case follow(MemberName)
    /// Ends a standby's WAL receiver and makes sure that none comes back: the position is final from then on.
    case detach
    case checkpoint
}

package enum StartMode: Hashable, Sendable {
    /// Without `standby.signal`: only inside a valid lease.
    case primary
    case standby(upstream: MemberName?)
}

package enum StopMode: Hashable, Sendable {
    /// smart, fast, immediate, SIGKILL, each bounded as configured.
    case orderly
    /// Immediate, then SIGKILL, within `killWithin`.
    case fence
}

package struct OperationFailure: Hashable, Sendable {
    package var operation: Operation
    package var at: Instant
    /// Consecutive failures of this operation.
    package var count: Int
    package var reason: String

    package init(operation: Operation, at: Instant, count: Int, reason: String) {
        self.operation = operation
        self.at = at
        self.count = count
        self.reason = reason
    }
}

package enum StoreWrite: Hashable, Sendable {
    case create(ClusterRecord)
    /// Compare-and-swap on exactly the version that was judged.
    case replace(ClusterRecord, at: String)

    package var record: ClusterRecord {
        switch self {
        case .create(let record), .replace(let record, _): record
        }
    }
}

package enum Effect: Hashable, Sendable {
    case write(StoreWrite)
    case operate(Operation)
    /// Stop postgres at once, whatever operation is under way.
    case fence(reason: String)
    /// Ask these members for a fresh report now.
    case ask([MemberName])
    /// Ask these members, in parallel; answers come as `observation.consents`, and as votes in their reports.
    case request(PeerRequest, of: [MemberName])
    /// Write and load `synchronous_standby_names`; seen in effect as `running.synchronous`.
    case synchronize(SynchronousSetting)
    /// Let ordinary clients in, or keep them out; seen in effect as `running.admitsClients`.
    case admitClients(Bool)
    /// A transition came to its end: log and count it, once.
    case report(Transition)
    /// PID 1 is done; the exit code is documented in docs/operations.md.
    case exit(code: Int32, reason: String)
}

package struct Decision: Hashable, Sendable {
    package var effects: [Effect] = []
    /// Until when postgres may acknowledge writes: the guard is fed this plus nothing. nil: it may not.
    package var writableUntil: Instant?
    /// What `synchronous_standby_names` must say when the server is started or promoted as primary now.
    package var synchronousAtOpening = SynchronousSetting.none
    /// Whether ordinary clients may be let in when the server is opened now.
    package var admitsClientsAtOpening = true
    /// A vote that is binding now, for the report to the others.
    package var vote: Vote?
    /// What holds the member back, for its status; nil when nothing does.
    package var problem: String?
    /// This member leads a cluster that follows another one: its postgres is the first of the replicas here.
    package var leadsStandby = false
    /// Decide again by then at the latest, even if nothing happens.
    package var wakeAt: Instant

    package init(wakeAt: Instant) { self.wakeAt = wakeAt }
}

extension Operation {
    /// A crash in the middle of it loses nothing.
    var isResumable: Bool {
        switch self {
        case .initialize, .clone, .rewind, .discard: true
        case .start, .stop, .promote, .follow, .detach, .checkpoint: false
        }
    }
}

extension Operation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .initialize: "initialize"
        case .clone(let source): "clone from \(source)"
        case .rewind(let source): "rewind to \(source)"
        case .discard: "discard"
        case .start(let mode): "start as \(mode)"
        case .stop(let mode): "stop (\(mode))"
        case .promote(let timeline): "promote to timeline \(timeline)"
        case .follow(let upstream): "follow \(upstream)"
        case .detach: "end the WAL receiver"
        case .checkpoint: "checkpoint"
        }
    }
}

extension StartMode: CustomStringConvertible {
    package var description: String {
        switch self {
        case .primary: "primary"
        case .standby(.some(let upstream)): "standby of \(upstream)"
        case .standby(nil): "standby of nobody"
        }
    }
}

extension StopMode: CustomStringConvertible {
    package var description: String {
        switch self {
        case .orderly: "orderly"
        case .fence: "fence"
        }
    }
}
