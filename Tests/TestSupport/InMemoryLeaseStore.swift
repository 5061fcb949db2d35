import ClusterModel
import LeaseStores
import Platform
import Synchronization

/// A lease store in this process, with faults on request.
package final class InMemoryLeaseStore: LeaseStore {
    package enum Fault: Sendable, Hashable {
        /// Nothing gets through.
        case unreachable
        /// Reads get through, and writes do; but their writers do not learn it.
        case answersLost
    }

    private let place: Place
    private let cluster: String

    package convenience init(cluster: String) throws {
        self.init(place: try Place(), cluster: cluster)
    }

    private init(place: Place, cluster: String) {
        self.place = place
        self.cluster = cluster
    }

    /// The same record as a member of `cluster` sees it.
    package func opened(by cluster: String) -> InMemoryLeaseStore {
        InMemoryLeaseStore(place: place, cluster: cluster)
    }

    package func read() throws(LeaseStoreError) -> (record: ClusterRecord, version: RecordVersion)? {
        try place.state.withLock { state throws(LeaseStoreError) in
            try check(state)
            return state.record.map { ($0, RecordVersion(String(state.writes))) }
        }
    }

    package func create(_ record: ClusterRecord) throws(LeaseStoreError) -> RecordVersion {
        try write(record) { state throws(LeaseStoreError) in
            guard state.record == nil else { throw .alreadyExists }
        }
    }

    package func replace(
        _ record: ClusterRecord, at version: RecordVersion
    ) throws(LeaseStoreError) -> RecordVersion {
        try write(record) { state throws(LeaseStoreError) in
            guard state.record != nil else { throw .notFound }
            guard version.text == String(state.writes) else { throw .conflict }
        }
    }

    package func watch(_ onChange: @escaping @Sendable () -> Void) throws(LeaseStoreError) -> any LeaseWatch {
        let place = place
        let number = place.state.withLock { state in
            state.nextWatch += 1
            state.watches[state.nextWatch] = onChange
            return state.nextWatch
        }
        return Watch { place.state.withLock { $0.watches[number] = nil } }
    }

    // MARK: - What tests do to it

    /// nil heals.
    package func setFault(_ fault: Fault?) { place.state.withLock { $0.fault = fault } }

    /// Makes what is stored unreadable until the next `set`.
    package func damage(_ reason: String) { place.state.withLock { $0.damage = reason } }

    /// Puts back, changes or deletes (nil) the record as if from outside, whatever its version.
    package func set(_ record: ClusterRecord?) {
        place.state.withLock { state in
            state.record = record
            state.damage = nil
            state.writes += 1
        }
        place.notify()
    }

    package var record: ClusterRecord? { place.state.withLock { $0.record } }

    // MARK: -

    private func write(
        _ record: ClusterRecord, _ condition: (borrowing State) throws(LeaseStoreError) -> Void
    ) throws(LeaseStoreError) -> RecordVersion {
        let (version, lost) = try place.state.withLock { state throws(LeaseStoreError) in
            try check(state)
            try condition(state)
            state.record = record
            state.writes += 1
            return (RecordVersion(String(state.writes)), state.fault == .answersLost)
        }
        place.notify()
        if lost { throw .unavailable("the answer was lost") }
        return version
    }

    private func check(_ state: borrowing State) throws(LeaseStoreError) {
        if state.fault == .unreachable { throw .unavailable("unreachable") }
        if let damage = state.damage { throw .invalid(damage) }
        if let found = state.record?.cluster, found != cluster {
            throw .invalid("the record belongs to the cluster '\(found)', and this member to '\(cluster)'")
        }
    }

    private struct State {
        var record: ClusterRecord?
        var writes = 0
        var fault: Fault?
        var damage: String?
        var watches: [Int: @Sendable () -> Void] = [:]
        var nextWatch = 0
    }

    private final class Place: Sendable {
        let state = Mutex(State())
        private let notifier: WorkerThread

        init() throws { notifier = try WorkerThread(name: "memory-store") }

        func notify() {
            let watches = state.withLock { Array($0.watches.values) }
            if !watches.isEmpty { notifier.submit { for onChange in watches { onChange() } } }
        }
    }

    private final class Watch: LeaseWatch {
        private let onStop: @Sendable () -> Void

        init(onStop: @escaping @Sendable () -> Void) { self.onStop = onStop }

        deinit { onStop() }

        func stop() { onStop() }
    }
}
