import ClusterModel
import FoundationEssentials
import ObjectStorage

/// The object that says which system an archive belongs to, so that two clusters of one name cannot mix.
///
/// It takes the place of a check for an empty archive: after a failover the archive is not empty and still ours.
struct ArchiveOwner: Codable, Hashable {
    let systemIdentifier: SystemIdentifier

    /// Throws unless the archive belongs to `system`; takes possession of one that belongs to nobody yet.
    /// - Parameter permission: asked before possession is taken.
    static func claim(
        _ store: any ObjectStore, _ layout: ArchiveLayout, for system: SystemIdentifier,
        if permission: () throws -> Void
    ) throws {
        if let owner = try read(store, layout) { return try owner.require(system, layout) }
        // An archive that Barman or CloudNativePG filled has no such object, but its backups tell.
        for backup in try BackupCatalogue.read(store, layout).backups.suffix(1) {
            if let found = backup.systemIdentifier { try ArchiveOwner(systemIdentifier: found).require(system, layout) }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let content = try encoder.encode(ArchiveOwner(systemIdentifier: system))
        if try store.putIfAbsent(layout.owner, Array(content), if: permission) == .different {
            try read(store, layout)?.require(system, layout)
        }
    }

    private static func read(_ store: any ObjectStore, _ layout: ArchiveLayout) throws -> ArchiveOwner? {
        guard let content = try store.readAll(layout.owner, limit: 64 << 10) else { return nil }
        do {
            return try JSONDecoder().decode(ArchiveOwner.self, from: Data(content))
        } catch {
            throw ArchiveError(.refused, "'\(layout.owner)' in the archive cannot be read, so its owner is unknown")
        }
    }

    private func require(_ system: SystemIdentifier, _ layout: ArchiveLayout) throws(ArchiveError) {
        guard systemIdentifier == system else {
            throw ArchiveError(
                .refused,
                "archive '\(layout.server)' belongs to the system \(systemIdentifier), and this is \(system): "
                    + "give this cluster another server name")
        }
    }
}
