import ClusterModel
import HTTPTransport
import Platform
import Synchronization

/// Watches the key, with a new connection whenever one ends.
///
/// Every connection begins with a hint, which stands for whatever may have changed before: so none has to go on where
/// the last one ended, at a revision that may be compacted away by then, or be of a store that went back since.
final class EtcdLeaseWatch: LeaseWatch {
    private let events: Events
    private let thread: WorkerThread

    init(_ client: EtcdClient, _ onChange: @escaping @Sendable () -> Void) throws(SystemError) {
        let events = try Events()
        self.events = events
        thread = try WorkerThread(name: "lease-watch", capacity: 1)
        thread.submit { Self.run(client, events, onChange) }
    }

    deinit { stop() }

    func stop() {
        events.stop()
        thread.stop()
    }

    // MARK: - On the thread

    private static func run(_ client: EtcdClient, _ events: Events, _ onChange: @Sendable () -> Void) {
        var endpoint = client.preferred
        var pause = shortestPause
        while true {
            let count = client.settings.endpoints.count
            guard count > 0 else { return }
            if let stream = begin(client, endpoint % count, events) {
                var isOpen = true
                while isOpen {
                    let news = events.wait(until: nil)
                    guard !news.isStopped else { return stream.cancel() }
                    if news.isChanged {
                        pause = shortestPause
                        onChange()
                    }
                    isOpen = !news.isEnded
                }
                // Cancelled by etcd, it would stay open and silent.
                stream.cancel()
            }
            endpoint = endpoint % count == client.preferred ? endpoint + 1 : client.preferred
            // Not all members of a cluster at once, when etcd comes back.
            let until = BootClock.now() + pause * Double.random(in: 0.5...1)
            while BootClock.now() < until {
                if events.wait(until: until).isStopped { return }
            }
            pause = min(pause * 2, longestPause)
        }
    }

    /// nil when it cannot even be tried.
    private static func begin(_ client: EtcdClient, _ endpoint: Int, _ events: Events) -> HTTPStream? {
        guard var request = try? client.watchRequest(endpoint) else { return nil }
        request.timeout = longestStream
        // The record is renewed all the time: silence says that a connection, or an endpoint, is dead.
        request.idleTimeout = client.settings.watchSilence
        let lines = Mutex(LineSplitter(limit: RecordDocument.maximumBytes * 3))
        let connection = events.begin()
        return client.http.stream(
            request,
            onHead: { head in
                if head.status == 401 { client.forgetToken() }
            },
            onBytes: { bytes in
                for line in lines.withLock({ $0.take(bytes) }) {
                    guard let message = try? EtcdMessages.decode(EtcdMessages.WatchLine.self, from: line) else {
                        continue
                    }
                    if message.result?.created == true || message.result?.events?.isEmpty == false { events.change() }
                    if message.error != nil || message.result?.canceled == true {
                        client.forgetToken()
                        events.end(connection)
                    }
                }
            },
            completion: { _ in events.end(connection) })
    }

    /// What the connection tells the thread.
    private final class Events: Sendable {
        struct News {
            var isChanged = false
            var isEnded = false
            var isStopped = false
            /// The connection that may still end.
            fileprivate var connection = 0
        }

        private let news = Mutex(News())
        private let wake: Mailbox<Void>

        init() throws(SystemError) { wake = try Mailbox(capacity: 1) }

        func change() { tell { $0.isChanged = true } }
        func end(_ connection: Int) { tell { if $0.connection == connection { $0.isEnded = true } } }
        func stop() { tell { $0.isStopped = true } }

        /// The number of a new connection; no other one may end from now on.
        func begin() -> Int {
            news.withLock { news in
                news.connection += 1
                news.isEnded = false
                return news.connection
            }
        }

        private func tell(_ change: (inout News) -> Void) {
            news.withLock { change(&$0) }
            wake.post(())
        }

        /// What happened since the last call; being stopped stays.
        func wait(until deadline: Instant?) -> News {
            _ = Poll.wait([wake.wakeDescriptor], until: deadline)
            _ = wake.drain()
            return news.withLock { news in
                defer { news = News(isStopped: news.isStopped, connection: news.connection) }
                return news
            }
        }
    }

    private static let longestStream = Duration.seconds(3600)
    private static let shortestPause = Duration.milliseconds(100)
    private static let longestPause = Duration.seconds(2)
}

/// Lines out of pieces of any size.
struct LineSplitter {
    private let limit: Int
    private var rest: [UInt8] = []
    /// Whether what comes belongs to a line that is too long, and is dropped.
    private var isDropping = false

    /// - Parameter limit: bytes of a line that is kept.
    init(limit: Int) { self.limit = limit }

    /// The lines that end in these bytes, without their ends.
    mutating func take(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for part in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            if part.offset > 0 {
                if !isDropping { lines.append(rest) }
                rest = []
                isDropping = false
            }
            guard !isDropping else { continue }
            rest += part.element
            if rest.count > limit {
                rest = []
                isDropping = true
            }
        }
        return lines
    }
}
