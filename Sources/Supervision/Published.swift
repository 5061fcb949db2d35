import Management
import Synchronization

/// The last snapshot: written by the loop, read by the management interface's thread.
final class Published: Sendable {
    private let snapshot: Mutex<ManagementSnapshot>

    init(_ snapshot: ManagementSnapshot) { self.snapshot = Mutex(snapshot) }

    var value: ManagementSnapshot { snapshot.withLock { $0 } }

    func publish(_ next: ManagementSnapshot) { snapshot.withLock { $0 = next } }
}
