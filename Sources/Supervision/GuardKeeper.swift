import ClusterModel
import Platform

/// Keeps a guard process alive and fed.
struct GuardKeeper {
    private let path: String
    private let registry: ChildRegistry
    private let mailbox: Mailbox<Message>
    private var current: Guard?
    private var lastStart: Instant?
    private var fed: Feed?

    private struct Feed: Equatable {
        var postmaster: ProcessID
        var deadline: Instant?
        var dataDirectory: String
    }

    init(path: String, registry: ChildRegistry, mailbox: Mailbox<Message>) {
        self.path = path
        self.registry = registry
        self.mailbox = mailbox
    }

    var isAlive: Bool { current != nil }
    var process: ProcessID? { current?.process }

    /// Starts one when there is none, at most one every 100 ms.
    mutating func keep(now: Instant) throws(SystemError) {
        guard current == nil, lastStart.map({ now >= $0 + .milliseconds(100) }) ?? true else { return }
        lastStart = now
        current = try Guard(path: path, registry: registry) { [mailbox] process, status in
            _ = mailbox.post(.guardEnded(process, status))
        }
        if let fed { _ = send(fed) }
    }

    mutating func ended(_ process: ProcessID) -> Bool {
        guard current?.process == process else { return false }
        current = nil
        return true
    }

    /// - Returns: false when there is no guard that takes it: then nothing may be opened for writes.
    mutating func feed(postmaster: ProcessID, deadline: Instant?, dataDirectory: String) -> Bool {
        let next = Feed(postmaster: postmaster, deadline: deadline, dataDirectory: dataDirectory)
        // Only what changed: the guard sleeps otherwise.
        if next == fed, current != nil { return true }
        fed = next
        return send(next)
    }

    private func send(_ feed: Feed) -> Bool {
        guard let current else { return false }
        // Answers are taken so that its socket never fills up.
        _ = current.acknowledgement()
        return current.feed(
            postmaster: feed.postmaster, deadline: feed.deadline, dataDirectory: feed.dataDirectory)
    }

    func dismiss() { current?.dismiss() }
}
