import ClusterModel
import Platform
import Synchronization

/// Several threads at one job beside the calling one.
///
/// Whoever makes one has to end it with `finish` or `cancel`.
final class ParallelWork {
    /// Another part of the job has failed.
    struct CancelledError: Error {}

    /// Tells the threads of one job that there is no point in going on.
    final class Cancellation: Sendable {
        private let cancelled = Atomic<Bool>(false)

        func cancel() { cancelled.store(true, ordering: .releasing) }

        /// To be called between two pieces of work.
        func check() throws(CancelledError) {
            if cancelled.load(ordering: .acquiring) { throw CancelledError() }
        }
    }

    let cancellation = Cancellation()
    private let done: Mailbox<(any Error)?>
    private var threads: [WorkerThread] = []
    private var running = 0
    private var failure: (any Error)?

    /// Runs `body` once for each number below `count`, each on a thread of its own.
    init(_ count: Int, name: String, _ body: @escaping @Sendable (Int, Cancellation) throws -> Void) throws {
        done = try Mailbox(capacity: max(1, count))
        let (done, cancellation) = (done, cancellation)
        for index in 0..<count {
            let thread = try WorkerThread(name: "\(name)-\(index)", capacity: 1)
            threads.append(thread)
            running += 1
            thread.submit {
                do {
                    try body(index, cancellation)
                    done.post(nil)
                } catch {
                    cancellation.cancel()
                    done.post(error)
                }
            }
        }
    }

    deinit { cancellation.cancel() }

    /// Waits for all threads.
    /// - Parameter meanwhile: called some times a second; what it throws cancels the rest.
    /// - Throws: the first error that was more than a cancellation.
    func finish(meanwhile: () throws -> Void = {}) throws {
        while running > 0 {
            _ = Poll.wait([done.wakeDescriptor], until: BootClock.now() + .milliseconds(250))
            collect()
            do { try meanwhile() } catch {
                failure = failure ?? error
                cancellation.cancel()
            }
        }
        for thread in threads { thread.stop() }
        if let failure { throw failure }
    }

    /// Ends the threads as soon as they notice.
    /// - Returns: their error, if it explains `error`; otherwise that.
    func cancel(because error: any Error) -> any Error {
        cancellation.cancel()
        do { try finish() } catch let cause { return error is CancelledError ? cause : error }
        return error
    }

    private func collect() {
        for case let error? in done.drain().map({ error in
            running -= 1; return error
        }) {
            if failure == nil || failure is CancelledError { failure = error }
        }
    }
}
