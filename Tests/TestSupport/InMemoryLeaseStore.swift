import ClusterModel
import LeaseStores
import Platform
import Synchronization

/// A lease store in this process, with faults on request. Keeps documents, as the real ones do.
package final class InMemoryLeaseStore: LeaseStore {
    package enum Fault: Sendable, Hashable {
        /// Nothing gets through, and watches are silent.
        case unreachable
        /// Reads get through, and writes do; but their writers do not learn it.
        case answersLost
        /// As `answersLost`, for the next write alone.
        case nextAnswerLost
    }

    private let place: Place
    private let connection: Connection
    private let cluster: String

    /// - Parameter bound: of every call.
    package convenience init(cluster: String, bound: Duration = .seconds(2)) throws {
        self.init(place: try Place(bound: bound), connection: Connection(), cluster: cluster)
    }

    private init(place: Place, connection: Connection, cluster: String) {
        self.place = place
        self.connection = connection
        self.cluster = cluster
    }

    /// The same record by the same way as a member of `cluster` sees it.
    package func opened(by cluster: String) -> InMemoryLeaseStore {
        InMemoryLeaseStore(place: place, connection: connection, cluster: cluster)
    }

    /// The same record by a way with faults of its own.
    package func openedApart() -> InMemoryLeaseStore {
        InMemoryLeaseStore(place: place, connection: Connection(), cluster: cluster)
    }

    package func read() throws(LeaseStoreError) -> (record: ClusterRecord, version: RecordVersion)? {
        guard let (document, version) = try call({ state in state.document.map { ($0, state.version) } }) else {
            return nil
        }
        return (try RecordDocument.decode(document, cluster: cluster, source: "the document in memory"), version)
    }

    package func create(_ record: ClusterRecord) throws(LeaseStoreError) -> RecordVersion {
        try write(record) { state throws(LeaseStoreError) in
            guard state.document == nil else { throw .alreadyExists }
        }
    }

    package func replace(
        _ record: ClusterRecord, at version: RecordVersion
    ) throws(LeaseStoreError) -> RecordVersion {
        try write(record) { state throws(LeaseStoreError) in
            guard state.document != nil else { throw .notFound }
            guard version == state.version else { throw .conflict }
        }
    }

    package func watch(_ onChange: @escaping @Sendable () -> Void) throws(LeaseStoreError) -> any LeaseWatch {
        let place = place
        let number = place.state.withLock { state in
            state.nextWatch += 1
            state.watches[state.nextWatch] = (connection, onChange)
            return state.nextWatch
        }
        return Watch { place.state.withLock { $0.watches[number] = nil } }
    }

    // MARK: - What tests do to it

    /// On this way to the record; nil heals.
    package func setFault(_ fault: Fault?) {
        connection.state.withLock { $0.fault = fault }
        // Whoever could not be told meanwhile.
        if fault == nil { place.notify() }
    }

    /// Makes every call by this way so much longer.
    package func setDelay(_ delay: Duration) { connection.state.withLock { $0.delay = delay } }

    /// While paused, no call by any way comes to an end but by its bound.
    package func setPaused(_ paused: Bool) { place.state.withLock { $0.isPaused = paused } }

    /// Puts back, changes or deletes (nil) what is stored as if from outside, whatever its version.
    package func set(document: [UInt8]?) {
        place.state.withLock { state in
            state.document = document
            state.writes += 1
        }
        place.notify()
    }

    package var document: [UInt8]? { place.state.withLock { $0.document } }

    // MARK: -

    private func write(
        _ record: ClusterRecord, _ condition: (borrowing State) throws(LeaseStoreError) -> Void
    ) throws(LeaseStoreError) -> RecordVersion {
        let document = try RecordDocument.encode(record, cluster: cluster)
        let version = try call { state throws(LeaseStoreError) in
            try condition(state)
            state.document = document
            state.writes += 1
            return state.version
        }
        place.notify()
        if connection.losesAnswer() { throw .unavailable("the answer was lost") }
        return version
    }

    private func call<Value>(
        _ body: (inout State) throws(LeaseStoreError) -> Value
    ) throws(LeaseStoreError) -> Value {
        let (began, delay) = (BootClock.now(), connection.delay)
        if connection.isBroken { throw .unavailable("unreachable") }
        _ = Poll.wait([], until: began + min(delay, place.bound))
        while true {
            guard BootClock.now() < began + place.bound else { throw .unavailable("no answer in time") }
            let value: Value? = try place.state.withLock { state throws(LeaseStoreError) in
                state.isPaused ? nil : try body(&state)
            }
            if let value { return value }
            _ = Poll.wait([], until: BootClock.now() + .milliseconds(2))
        }
    }

    private struct State {
        var document: [UInt8]?
        var writes = 0
        var isPaused = false
        var watches: [Int: (Connection, @Sendable () -> Void)] = [:]
        var nextWatch = 0

        var version: RecordVersion { RecordVersion(String(writes)) }
    }

    private final class Connection: Sendable {
        let state = Mutex<(fault: Fault?, delay: Duration)>((nil, .zero))

        var isBroken: Bool { state.withLock { $0.fault == .unreachable } }
        var delay: Duration { state.withLock { $0.delay } }

        func losesAnswer() -> Bool {
            state.withLock { state in
                defer { if state.fault == .nextAnswerLost { state.fault = nil } }
                return state.fault == .answersLost || state.fault == .nextAnswerLost
            }
        }
    }

    private final class Place: Sendable {
        let state = Mutex(State())
        let bound: Duration
        private let notifier: WorkerThread

        init(bound: Duration) throws {
            self.bound = bound
            notifier = try WorkerThread(name: "memory-store")
        }

        func notify() {
            let watches = state.withLock { Array($0.watches.values) }.filter { !$0.0.isBroken }
            if !watches.isEmpty { notifier.submit { for (_, onChange) in watches { onChange() } } }
        }
    }

    private final class Watch: LeaseWatch {
        private let onStop: @Sendable () -> Void

        init(onStop: @escaping @Sendable () -> Void) { self.onStop = onStop }

        deinit { onStop() }

        func stop() { onStop() }
    }
}
