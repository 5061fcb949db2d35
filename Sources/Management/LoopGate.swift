import NIOCore
import Synchronization

/// The way from other threads onto the server's thread, which may be gone by then.
final class LoopGate: Sendable {
    private let loop = Mutex<(any EventLoop)?>(nil)

    func open(_ eventLoop: any EventLoop) { loop.withLock { $0 = eventLoop } }

    func shut() { loop.withLock { $0 = nil } }

    /// Runs `work` there, or not at all once the gate is shut.
    func execute(_ work: @escaping @Sendable () -> Void) {
        // Under the lock, so that the thread cannot end in between; handing over work does not wait.
        loop.withLock { $0?.execute(work) }
    }
}
