import ClusterModel
import Platform
import Synchronization

/// Until when this member may write to the archive: fed by PID 1, asked before each push and again before an object
/// becomes visible.
final class LeaseGate: Sendable {
    /// Nanoseconds of the boot clock; 0: no lease.
    private let deadline = Atomic<UInt64>(0)
    private let now: @Sendable () -> Instant

    init(now: @escaping @Sendable () -> Instant = { BootClock.now() }) { self.now = now }

    func feed(deadline nanoseconds: UInt64) { deadline.store(nanoseconds, ordering: .releasing) }

    var isOpen: Bool { now().nanoseconds < deadline.load(ordering: .acquiring) }

    func check() throws(ArchiveError) {
        guard isOpen else {
            throw ArchiveError(.noLease, "this member holds no valid lease, and only the primary archives")
        }
    }
}
