import ClusterModel
import HTTPTransport
import Platform
import Synchronization

/// Watches one object from a thread of its own, for as long as it is held: goes on where it was after an interruption,
/// begins anew when that is too far back, and comes back after errors with growing pauses.
///
/// A hint only. What is missed while there is no connection is made up for by `connected`.
package final class KubernetesWatch: Sendable {
    package enum Change: Sendable {
        /// The watch has begun, for the first time or again: anything may have happened before.
        case connected
        /// The object as it is now, or was when the watch began.
        case changed(JSONValue)
        case deleted
    }

    package struct Timing: Sendable {
        /// The server ends a watch after so long (and up to a fifth more): a server that restarted with older data
        /// would be silent for ever.
        package var lifetime = Duration.seconds(300)
        /// Bookmarks come every minute: without a byte for so long the connection is dead.
        package var silence = Duration.seconds(150)
        package var longestPause = Duration.seconds(10)

        package init() {}
    }

    /// For metrics and tests.
    package struct Counters: Hashable, Sendable {
        /// Watches that began with the current state, at first and after each `expirations`.
        package var begun = 0
        /// Watches that went on from a version.
        package var resumed = 0
        package var bookmarks = 0
        package var expirations = 0
        package var lastError: String?
    }

    private let run: Run

    /// - Parameter onChange: called from a thread of the watch, and must not block.
    package init(
        _ api: KubernetesAPI, _ resource: KubernetesResource, name: String, timing: Timing = Timing(),
        onChange: @escaping @Sendable (Change) -> Void
    ) throws(SystemError) {
        let run = try Run(api: api, resource: resource, name: name, timing: timing, onChange: onChange)
        self.run = run
        try WorkerThread(name: "kube-watch", capacity: 1).submit { run.loop() }
    }

    deinit { stop() }

    package var counters: Counters { run.counters.withLock { $0 } }

    /// At most one call of `onChange` that has begun is still on its way afterwards.
    package func stop() { run.stop() }
}

/// The thread's own: it must not keep the watch alive.
private final class Run: Sendable {
    private enum Signal: Sendable {
        case stopped
        /// What came in says that the connection is of no more use.
        case useless
        case ended(Result<Void, KubernetesError>)
    }

    let counters = Mutex(KubernetesWatch.Counters())
    private let api: KubernetesAPI
    private let resource: KubernetesResource
    private let name: String
    private let timing: KubernetesWatch.Timing
    private let onChange: @Sendable (KubernetesWatch.Change) -> Void
    private let signals: Mailbox<Signal>
    private let isStopped = Atomic(false)

    init(
        api: KubernetesAPI, resource: KubernetesResource, name: String, timing: KubernetesWatch.Timing,
        onChange: @escaping @Sendable (KubernetesWatch.Change) -> Void
    ) throws(SystemError) {
        self.api = api
        self.resource = resource
        self.name = name
        self.timing = timing
        self.onChange = onChange
        signals = try Mailbox(capacity: 16)
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        signals.post(.stopped)
    }

    func loop() {
        var backOff = BackOff(longest: timing.longestPause)
        // Where to go on; nil: from the current state.
        var version: String?
        while !isStopped.load(ordering: .relaxed) {
            let began = BootClock.now()
            let end = follow(from: version)
            let lasted = BootClock.now().since(began)
            version = end.version
            if let failure = end.failure { counters.withLock { $0.lastError = failure.description } }
            if end.expired { counters.withLock { $0.expirations += 1 } }
            if lasted >= Self.settled { backOff.reset() }
            // One that ends in good order is followed by the next at once, unless that happens over and over.
            if end.failure != nil || lasted < Self.settled { pause(backOff.next()) }
        }
    }

    /// One connection, from its beginning to its end.
    private func follow(from version: String?) -> WatchConnection {
        let shared = SharedConnection(WatchConnection(version: version))
        let lifetime = timing.lifetime * Double.random(in: 1...1.2)
        var query = [("allowWatchBookmarks", "true"), ("timeoutSeconds", "\(max(1, lifetime.milliseconds / 1000))")]
        // Without a version it begins with the object as it is.
        if let version { query.append(("resourceVersion", version)) }
        let call = KubernetesCall(
            .watch, resource, name: name, query: query, timeout: lifetime + min(timing.silence, .seconds(60)))
        let stream: HTTPStream
        do throws(KubernetesError) {
            stream = try api.stream(call, idleTimeout: timing.silence) { [self] head in
                shared.value.withLock { $0.status = head.status }
                guard head.status == 200 else { return }
                counters.withLock { if version == nil { $0.begun += 1 } else { $0.resumed += 1 } }
                tell(.connected)
            } onBytes: { [self] bytes in
                take(bytes, shared)
            } completion: { [signals] result in
                signals.post(.ended(result))
            }
        } catch {
            shared.value.withLock { $0.failure = error }
            return shared.value.withLock { $0 }
        }
        let outcome = waitForEnd(stream)
        return shared.value.withLock { connection in
            connection.close(outcome) { code, body in
                .refused(KubernetesRefusal(code: code, body: body, call: call, settings: api.settings))
            }
            return connection
        }
    }

    private func waitForEnd(_ stream: HTTPStream) -> Result<Void, KubernetesError> {
        while true {
            _ = Poll.wait([signals.wakeDescriptor], until: nil)
            for signal in signals.drain() {
                switch signal {
                case .stopped, .useless: stream.cancel()
                case .ended(let result): return result
                }
            }
        }
    }

    /// On the client's thread.
    private func take(_ bytes: [UInt8], _ shared: SharedConnection) {
        let (events, isUseless) = shared.value.withLock { ($0.take(bytes), $0.isUseless) }
        for event in events {
            switch event {
            case .changed(let object, _): tell(.changed(object))
            case .deleted: tell(.deleted)
            case .bookmark: counters.withLock { $0.bookmarks += 1 }
            case .failed: break
            }
        }
        if isUseless { signals.post(.useless) }
    }

    private static let settled = Duration.seconds(5)

    private func tell(_ change: KubernetesWatch.Change) {
        if !isStopped.load(ordering: .relaxed) { onChange(change) }
    }

    private func pause(_ span: Duration) {
        let deadline = BootClock.now() + span
        while BootClock.now() < deadline, !isStopped.load(ordering: .relaxed) {
            _ = Poll.wait([signals.wakeDescriptor], until: deadline)
            _ = signals.drain()
        }
    }
}

private final class SharedConnection: Sendable {
    let value: Mutex<WatchConnection>

    init(_ connection: WatchConnection) { value = Mutex(connection) }
}
