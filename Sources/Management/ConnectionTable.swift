import NIOCore
import Synchronization

/// All open connections, and which of them has waited longest: so many are held, and no more.
final class ConnectionTable: Sendable {
    private struct Entry {
        let channel: any Channel
        /// nil while the supervisor thinks about a command of the connection.
        var waitingSince: NIODeadline?
    }

    private let limit: Int
    private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

    init(limit: Int) { self.limit = limit }

    var count: Int { entries.withLock { $0.count } }

    /// Takes the connection in, and ends the one that has waited longest if there were too many: whoever holds
    /// connections open for nothing must not keep the probes out.
    /// - Returns: false when all of them wait for the supervisor; then the new one has to go.
    func admit(_ channel: any Channel) -> Bool {
        let (admitted, evicted) = entries.withLock { entries -> (Bool, (any Channel)?) in
            var evicted: (any Channel)?
            if entries.count >= limit {
                let waiting = entries.compactMap { key, entry in entry.waitingSince.map { (key, $0) } }
                guard let longest = waiting.min(by: { $0.1 < $1.1 }) else { return (false, nil) }
                evicted = entries.removeValue(forKey: longest.0)?.channel
            }
            entries[ObjectIdentifier(channel)] = Entry(channel: channel, waitingSince: .now())
            return (true, evicted)
        }
        evicted?.close(promise: nil)
        return admitted
    }

    /// From now on the connection waits for its client: to take a response, or to send the next request.
    func waits(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)]?.waitingSince = .now() }
    }

    /// From now on the client of the connection waits for the supervisor.
    func works(_ channel: any Channel) {
        entries.withLock { $0[ObjectIdentifier(channel)]?.waitingSince = nil }
    }

    func remove(_ channel: any Channel) {
        entries.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(channel)) }
    }
}
