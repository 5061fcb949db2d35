import ClusterModel
import ObjectStorage
import Postgres
import Synchronization

/// Which system this member's WAL is of, and whether the archive is that system's.
final class ArchiveIdentity: Sendable {
    private let store: any ObjectStore
    private let settings: ArchiveSettings
    /// The system that the archive was found to belong to.
    private let claimed = Mutex<SystemIdentifier?>(nil)

    init(store: any ObjectStore, settings: ArchiveSettings) {
        self.store = store
        self.settings = settings
    }

    /// nil when the data directory cannot tell, as before its first checkpoint or in the middle of a clone.
    var known: SystemIdentifier? {
        settings.systemIdentifier ?? (try? ControlData.read(dataDirectory: settings.dataDirectory))?.systemIdentifier
    }

    /// The system to push for, once the archive is known to be its own.
    func require(permission: () throws -> Void) throws(ArchiveError) -> SystemIdentifier {
        do {
            let system =
                try settings.systemIdentifier
                ?? ControlData.read(dataDirectory: settings.dataDirectory).systemIdentifier
            if claimed.withLock({ $0 }) == system { return system }
            try ArchiveOwner.claim(store, settings.layout, for: system, cluster: settings.cluster, if: permission)
            claimed.withLock { $0 = system }
            return system
        } catch { throw ArchiveError(error) }
    }
}
