import ClusterModel
import Platform
import Synchronization

/// Writes Events about the own pod, as `kubectl describe pod` and `kubectl events` show them, from a thread of its own.
/// Nobody waits for it: of more than fit the oldest are dropped.
package final class KubernetesEvents: Sendable {
    /// For metrics and tests.
    package struct State: Hashable, Sendable {
        package var waiting = 0
        package var written = 0
        /// For want of room, or because the API server will never take them.
        package var dropped = 0
        package var failures = 0
        /// Of the last attempt; nil when it succeeded.
        package var lastError: String?
    }

    private let writer: EventWriter

    /// - Parameters:
    ///   - api: may be shared with others that nothing depends on; never with the lease.
    ///   - capacity: events that may wait.
    package init(
        _ api: KubernetesAPI, pod: String, podUID: String?, capacity: Int = 64
    ) throws(SystemError) {
        let writer = try EventWriter(api: api, pod: pod, podUID: podUID, capacity: capacity)
        self.writer = writer
        try WorkerThread(name: "kube-events", capacity: 1).submit { writer.loop() }
    }

    deinit { stop() }

    package var state: State { writer.state }

    /// Never waits.
    /// - Parameters:
    ///   - reason: one word in upper camel case: `FailoverCompleted`.
    ///   - message: a sentence; cut to 1024 bytes.
    ///   - isWarning: something that a person should look at.
    package func post(reason: String, message: String, isWarning: Bool = false) {
        writer.post(reason: reason, message: message, isWarning: isWarning)
    }

    /// What waits is not written any more.
    package func stop() { writer.stop() }
}

/// The thread's own: it must not keep `KubernetesEvents` alive.
private final class EventWriter: Sendable {
    private struct Queue: Sendable {
        var events: [(name: String, body: JSONValue)] = []
        var visible = KubernetesEvents.State()
    }

    private let api: KubernetesAPI
    private let pod: String
    private let podUID: String?
    private let capacity: Int
    private let queue = Mutex(Queue())
    private let wake: Mailbox<Void>
    private let isStopped = Atomic(false)

    init(api: KubernetesAPI, pod: String, podUID: String?, capacity: Int) throws(SystemError) {
        self.api = api
        self.pod = pod
        self.podUID = podUID
        self.capacity = max(1, capacity)
        wake = try Mailbox(capacity: 1)
    }

    var state: KubernetesEvents.State {
        queue.withLock { queue in
            var state = queue.visible
            state.waiting = queue.events.count
            return state
        }
    }

    func post(reason: String, message: String, isWarning: Bool) {
        // Drawn here: an event whose answer was lost is found again, and not written twice.
        let name = "\(pod).\(String(UInt64.random(in: 1 << 60 ... .max), radix: 16))"
        let body = event(name, reason: reason, message: message, isWarning: isWarning)
        queue.withLock { queue in
            if queue.events.count >= capacity {
                queue.events.removeFirst()
                queue.visible.dropped += 1
            }
            queue.events.append((name, body))
        }
        wake.post(())
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
        wake.post(())
    }

    func loop() {
        var backOff = BackOff(longest: .seconds(10))
        while !isStopped.load(ordering: .relaxed) {
            guard let next = queue.withLock({ $0.events.first }) else {
                wait(until: nil)
                continue
            }
            do throws(KubernetesError) {
                _ = try api.send(KubernetesCall(.create, .events, body: next.body, timeout: .seconds(5)))
                finish(next.name, written: true)
                backOff.reset()
            } catch {
                if error.refusal?.isAlreadyExists == true {
                    finish(next.name, written: true)
                    continue
                }
                queue.withLock { queue in
                    queue.visible.failures += 1
                    queue.visible.lastError = error.description
                }
                // What is malformed stays so; anything else can be mended.
                if [400, 413, 422].contains(error.refusal?.code) { finish(next.name, written: false) }
                pause(backOff.next())
            }
        }
    }

    private func finish(_ name: String, written: Bool) {
        queue.withLock { queue in
            let before = queue.events.count
            queue.events.removeAll { $0.name == name }
            if written {
                queue.visible.written += 1
                queue.visible.lastError = nil
                // It was counted as dropped while it was on its way.
                if queue.events.count == before { queue.visible.dropped -= 1 }
            } else if queue.events.count < before {
                queue.visible.dropped += 1
            }
        }
    }

    /// New events do not shorten it.
    private func pause(_ span: Duration) {
        let deadline = BootClock.now() + span
        while BootClock.now() < deadline, !isStopped.load(ordering: .relaxed) { wait(until: deadline) }
    }

    private func wait(until deadline: Instant?) {
        _ = Poll.wait([wake.wakeDescriptor], until: deadline)
        _ = wake.drain()
    }

    private func event(_ name: String, reason: String, message: String, isWarning: Bool) -> JSONValue {
        let namespace = JSONValue.string(api.settings.namespace)
        let moment = JSONValue.string(KubernetesTime.nowInSeconds())
        var object: JSONValue = [
            "apiVersion": "v1", "kind": "Pod", "name": .string(pod), "namespace": namespace,
        ]
        if let podUID, !podUID.isEmpty { object["uid"] = .string(podUID) }
        return [
            "apiVersion": "v1", "kind": "Event",
            "metadata": ["name": .string(name), "namespace": namespace],
            "involvedObject": object,
            "type": isWarning ? "Warning" : "Normal",
            "reason": .string(reason),
            "message": .string(Self.shortened(message, to: 1024)),
            "firstTimestamp": moment, "lastTimestamp": moment, "count": .integer(1),
            "source": ["component": "pgmahout"],
            "reportingComponent": "pgmahout", "reportingInstance": .string(pod),
        ]
    }

    private static func shortened(_ text: String, to limit: Int) -> String {
        var result = text.singleLine
        while result.utf8.count > limit { result.removeLast(max(1, (result.utf8.count - limit) / 4)) }
        return result
    }
}
