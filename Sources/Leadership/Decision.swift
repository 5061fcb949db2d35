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
    case promote
    /// Points a running standby to another upstream.
    case follow(MemberName)
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
    /// A transition came to its end: log and count it, once.
    case report(Transition)
    /// PID 1 is done; the exit code is documented in docs/operations.md.
    case exit(code: Int32, reason: String)
}

package struct Decision: Hashable, Sendable {
    package var effects: [Effect] = []
    /// Until when postgres may acknowledge writes: the guard is fed this plus nothing. nil: it may not.
    package var writableUntil: Instant?
    /// What holds the member back, for its status; nil when nothing does.
    package var problem: String?
    /// Decide again by then at the latest, even if nothing happens.
    package var wakeAt: Instant

    package init(wakeAt: Instant) { self.wakeAt = wakeAt }
}

extension Operation {
    /// A crash in the middle of it loses nothing.
    var isResumable: Bool {
        switch self {
        case .initialize, .clone, .rewind, .discard: true
        case .start, .stop, .promote, .follow, .checkpoint: false
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
        case .promote: "promote"
        case .follow(let upstream): "follow \(upstream)"
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
