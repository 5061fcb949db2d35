import ClusterModel
import Platform
import Synchronization

/// Makes calls that may hang, on a hung disk for example, on a thread of its own, one after the other, and waits for
/// each for a bounded time only.
final class BoundedCalls: Sendable {
    private enum Phase<Value: Sendable>: Sendable {
        case waiting, running, abandoned
        case finished(Result<Value, LeaseStoreError>)
    }

    private let name: String
    private let place: String
    private let timeout: Duration
    /// Started by the first call.
    private let thread = Mutex<WorkerThread?>(nil)

    /// - Parameters:
    ///   - name: of the thread.
    ///   - place: what the calls are about, for messages.
    init(name: String, place: String, timeout: Duration) {
        self.name = name
        self.place = place
        self.timeout = timeout
    }

    /// Errors: those of `body`; `unavailable` when it has not returned in time. Then it is still on its way, if it has
    /// begun, and is never begun if it has not.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(LeaseStoreError) -> Value
    ) throws(LeaseStoreError) -> Value {
        let call = Call<Value>()
        let ended = try available { () throws(SystemError) in try Mailbox<Void>(capacity: 1) }
        let thread = try available { () throws(SystemError) in try running() }
        let accepted = thread.submit {
            guard call.begin() else { return }
            let result: Result<Value, LeaseStoreError>
            do throws(LeaseStoreError) { result = .success(try body()) } catch { result = .failure(error) }
            call.finish(result)
            ended.post(())
        }
        guard accepted else { throw .unavailable("too many calls are waiting for the disk of '\(place)'") }
        _ = Poll.wait([ended.wakeDescriptor], until: BootClock.now() + timeout)
        guard let result = call.take() else {
            throw .unavailable("the disk of '\(place)' has not answered within \(timeout)")
        }
        return try result.get()
    }

    private func running() throws(SystemError) -> WorkerThread {
        try thread.withLock { thread throws(SystemError) in
            if let thread { return thread }
            let started = try WorkerThread(name: name)
            thread = started
            return started
        }
    }

    private func available<Value>(
        _ body: () throws(SystemError) -> Value
    ) throws(LeaseStoreError) -> Value {
        do throws(SystemError) { return try body() } catch { throw .unavailable(error.description) }
    }

    private final class Call<Value: Sendable>: Sendable {
        private let phase = Mutex(Phase<Value>.waiting)

        /// False when nobody waits for it any more.
        func begin() -> Bool {
            phase.withLock { phase in
                guard case .waiting = phase else { return false }
                phase = .running
                return true
            }
        }

        func finish(_ result: Result<Value, LeaseStoreError>) { phase.withLock { $0 = .finished(result) } }

        /// The result; nil when there is none yet, and then nobody waits any more.
        func take() -> Result<Value, LeaseStoreError>? {
            phase.withLock { phase in
                if case .finished(let result) = phase { return result }
                phase = .abandoned
                return nil
            }
        }
    }
}
