import CPlatform
import Glibc
import Synchronization

/// A thread for calls that block: runs the jobs given to it one after the other, in order.
///
/// Ends after `stop()`, or when nobody holds it any more, once the jobs accepted until then have run.
package final class WorkerThread: Sendable {
    private let queue: Queue

    /// - Parameters:
    ///   - name: shown by `ps -L`, cut to 15 bytes.
    ///   - capacity: jobs that may wait; more are refused.
    ///   - stackSize: bytes.
    package init(name: String, capacity: Int = 64, stackSize: Int = 512 << 10) throws(SystemError) {
        queue = Queue(name: name, capacity: capacity)
        try Self.start(queue, stackSize: stackSize)
    }

    deinit { queue.stop() }

    /// False when the queue is full or the thread was stopped: the job will not run.
    @discardableResult
    package func submit(_ job: @escaping @Sendable () -> Void) -> Bool { queue.append(job) }

    /// Takes no more jobs. Does not wait for those it has.
    package func stop() { queue.stop() }

    /// Nonisolated, and handed to pthread_create from here: a closure made on the main actor would trap in the thread.
    private static func start(_ queue: Queue, stackSize: Int) throws(SystemError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, max(stackSize, 64 << 10))
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        let reference = Unmanaged.passRetained(queue)
        var thread = pthread_t()
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Queue>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, reference.toOpaque())
        if code != 0 {
            reference.release()
            throw SystemError("start a thread", code: code)
        }
    }

    /// What the thread keeps alive; not the `WorkerThread`, whose end must end the thread.
    private final class Queue: Sendable {
        private struct State {
            var jobs: [@Sendable () -> Void] = []
            var stopped = false
        }

        private let state = Mutex(State())
        private let wake = Semaphore()
        private let name: String
        private let capacity: Int

        init(name: String, capacity: Int) {
            self.name = name
            self.capacity = capacity
        }

        func append(_ job: @escaping @Sendable () -> Void) -> Bool {
            let accepted = state.withLock { state in
                guard !state.stopped, state.jobs.count < capacity else { return false }
                state.jobs.append(job)
                return true
            }
            if accepted { wake.signal() }
            return accepted
        }

        func stop() {
            state.withLock { $0.stopped = true }
            wake.signal()
        }

        func run() {
            cpf_prepare_thread(name)
            while true {
                wake.wait()
                let (job, ended) = state.withLock { state in
                    state.jobs.isEmpty ? (nil, state.stopped) : (state.jobs.removeFirst(), false)
                }
                if ended { return }
                job?()
            }
        }
    }
}
