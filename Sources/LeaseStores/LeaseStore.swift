import ClusterModel

/// Names one state of the stored record: equal only when nothing was written in between. Opaque to everybody but
/// the store that made it.
package struct RecordVersion: Hashable, Sendable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }
}

package enum LeaseStoreError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The record is not, or no longer, at the version given. Nothing was written.
    case conflict
    /// There is a record already. Nothing was written.
    case alreadyExists
    /// There is no record. Nothing was written.
    case notFound
    /// The store did not answer as it should. **A write may have happened or not**: only reading tells.
    case unavailable(String)
    /// The store refuses this member: its token, its password, its certificate or its rights. Known by the text of the
    /// store, so a write of before is no less in doubt than with `unavailable`.
    case denied(String)
    /// What is stored must not be touched: unreadable, of a newer format, or of another cluster; the text says which.
    case invalid(String)

    package var description: String {
        switch self {
        case .conflict: "the record was changed by another writer"
        case .alreadyExists: "the record exists already"
        case .notFound: "there is no record"
        case .unavailable(let reason): "the lease store is not available: \(reason)"
        case .denied(let reason): "the lease store refuses this member: \(reason)"
        case .invalid(let reason): "the stored record is not usable: \(reason)"
        }
    }

    /// Of a write: whether only reading tells if it was carried out.
    package var isDoubtful: Bool {
        switch self {
        case .unavailable, .denied: true
        case .conflict, .alreadyExists, .notFound, .invalid: false
        }
    }
}

/// A place that keeps the one record of a cluster and can compare and swap it.
///
/// Calls block, for no longer than the store's own bounds: the caller gives them a thread of its own. They may come
/// from many threads at once. Every store passes the same conformance suite.
package protocol LeaseStore: Sendable {
    /// The record as it stands, nil when there is none. Never a state that was not current between call and return.
    func read() throws(LeaseStoreError) -> (record: ClusterRecord, version: RecordVersion)?

    /// Stores the first record; of all who try at once, one succeeds.
    func create(_ record: ClusterRecord) throws(LeaseStoreError) -> RecordVersion

    /// Stores `record` if, and only if, the stored one is at `version`. Returns the new version.
    func replace(_ record: ClusterRecord, at version: RecordVersion) throws(LeaseStoreError) -> RecordVersion

    /// Calls `onChange` from a thread of the store soon after a change. A hint that may come late, twice, for nothing
    /// or not at all: it makes readers faster, and replaces no regular reading.
    func watch(_ onChange: @escaping @Sendable () -> Void) throws(LeaseStoreError) -> any LeaseWatch
}

/// Keeps a watch alive; it ends with `stop()`, or when nobody holds it.
package protocol LeaseWatch: AnyObject, Sendable {
    /// At most one call that has begun is still on its way afterwards.
    func stop()
}
