import ClusterModel
import Glibc
import Leadership
import Platform
import Synchronization

/// Knows at any time whether the disk of the data directory takes writes, and keeps a ballast on it.
///
/// Two threads: one writes and may hang with the disk; the other only looks at the clock and says so. Nobody who asks
/// ever waits for either.
final class DiskKeeper: Sendable {
    private let shared: Shared
    private let prober: WorkerThread
    private let watcher: WorkerThread

    /// - Parameters:
    ///   - ballastBytes: 0: none.
    ///   - every: P: a probe begins P to 2P after the last one ended.
    ///   - onChange: called on one of the keeper's threads whenever health, ballast or kept WAL have changed.
    convenience init(
        dataDirectory: String, ballastBytes: UInt64, every period: Duration = .seconds(1),
        onChange: @escaping @Sendable (DiskState) -> Void
    ) throws(SystemError) {
        try self.init(DiskProbe(dataDirectory: dataDirectory), ballastBytes, period, onChange)
    }

    /// - Parameter probe: what is done each time.
    init(
        _ probe: DiskProbe, _ ballastBytes: UInt64, _ period: Duration,
        _ onChange: @escaping @Sendable (DiskState) -> Void
    ) throws(SystemError) {
        shared = Shared(ballast: ballastBytes, patience: max(period, Self.patience), onChange: onChange)
        prober = try WorkerThread(name: "disk-probe", capacity: 1)
        watcher = try WorkerThread(name: "disk-watch", capacity: 1)
        prober.submit { [shared] in Self.keepProbing(probe, shared, period) }
        watcher.submit { [shared] in Self.keepWatching(shared) }
    }

    deinit { stop() }

    var state: DiskState { shared.state }

    /// The next probe begins at once: to be called when postgres has ended unasked, which may be for want of room.
    func probeNow() { shared.wake() }

    /// From the next probe on.
    func setBallast(bytes: UInt64) { shared.setBallast(bytes) }

    /// Ends both threads, the probing one when the disk lets it.
    func stop() {
        shared.stop()
        prober.stop()
        watcher.stop()
    }

    /// A disk that is merely busy has written by then: the one that hangs has not.
    private static let patience = Duration.seconds(2)

    private static func keepProbing(_ probe: DiskProbe, _ shared: Shared, _ period: Duration) {
        while !shared.isStopped {
            let begun = BootClock.now()
            shared.begin(at: begun)
            let wanted = shared.wantedBallast
            shared.end(probe.take(ballast: wanted), at: begun)
            // Not in step with anything else that is done once a second.
            let factor = Double.random(in: 1...2)
            let pause = Duration.nanoseconds(Int64(Double(period.nanoseconds) * factor))
            shared.rest(until: BootClock.now() + pause)
        }
    }

    private static func keepWatching(_ shared: Shared) {
        while !shared.isStopped { shared.watch() }
    }

    /// What both threads and those who ask have in common.
    private final class Shared: Sendable {
        private struct Content {
            var state = DiskState()
            /// Of the probe that is under way; nil between two.
            var begun: Instant?
            var ballast: UInt64
            var stopped = false
        }

        private let content: Mutex<Content>
        private let patience: Duration
        private let onChange: @Sendable (DiskState) -> Void
        private let waker: Mailbox<Void>?
        private let resting: Mailbox<Void>?

        init(ballast: UInt64, patience: Duration, onChange: @escaping @Sendable (DiskState) -> Void) {
            content = Mutex(Content(ballast: ballast))
            self.patience = patience
            self.onChange = onChange
            waker = try? Mailbox(capacity: 4)
            resting = try? Mailbox(capacity: 4)
        }

        var state: DiskState { content.withLock { $0.state } }
        var isStopped: Bool { content.withLock { $0.stopped } }
        var wantedBallast: UInt64 { content.withLock { $0.ballast } }

        func setBallast(_ bytes: UInt64) { content.withLock { $0.ballast = bytes } }

        func wake() { resting?.post(()) }

        func stop() {
            content.withLock { $0.stopped = true }
            waker?.post(())
            resting?.post(())
        }

        func begin(at begun: Instant) { content.withLock { $0.begun = begun } }

        func end(_ result: DiskProbe.Result, at begun: Instant) {
            let changed: DiskState? = content.withLock { content in
                content.begun = nil
                let before = content.state
                content.state.take(result, begunAt: begun)
                return before.isNews(to: content.state) ? content.state : nil
            }
            if let changed { onChange(changed) }
        }

        /// Until then, or until it is stopped.
        func rest(until deadline: Instant) { wait(resting, until: deadline) }

        /// One look at a probe that is under way, and a wait until the next one is due.
        func watch() {
            let now = BootClock.now()
            let (changed, next): (DiskState?, Instant) = content.withLock { content in
                guard let begun = content.begun else { return (nil, now + patience * 0.5) }
                guard now >= begun + patience else { return (nil, begun + patience) }
                let before = content.state
                content.state.health = .hung(since: begun)
                content.state.problem = "a write has not come back"
                return (before.isNews(to: content.state) ? content.state : nil, now + patience)
            }
            if let changed { onChange(changed) }
            wait(waker, until: next)
        }

        private func wait(_ mailbox: Mailbox<Void>?, until deadline: Instant) {
            guard let mailbox else {
                usleep(100_000)
                return
            }
            _ = Poll.wait([mailbox.wakeDescriptor], until: deadline)
            _ = mailbox.drain()
        }
    }
}
