import ClusterModel
import Glibc
import Platform
import Synchronization

/// The end of one child, waited for by the thread that started it, in a process that has no loop of its own.
final class ExitWaiter: Sendable {
    private let ended = Mutex<ExitStatus?>(nil)

    var status: ExitStatus? { ended.withLock { $0 } }

    func set(_ status: ExitStatus) { ended.withLock { $0 = status } }

    /// nil: it still runs at `deadline`.
    func wait(_ registry: ChildRegistry, until deadline: Instant) -> ExitStatus? {
        while true {
            registry.reap()
            if let status { return status }
            guard BootClock.now() < deadline else { return nil }
            usleep(20_000)
        }
    }
}
