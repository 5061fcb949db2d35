import ClusterModel
import FoundationEssentials
import ObjectStorage
import Postgres

/// The object that says which system an archive belongs to, so that two clusters of one name cannot mix.
///
/// It takes the place of a check for an empty archive: after a failover the archive is not empty and still ours.
package struct ArchiveOwner: Codable, Hashable {
    let systemIdentifier: SystemIdentifier
    /// Of pgmahout's configuration: a cluster that was restored from this archive has the same system identifier, and is
    /// another one. nil: the archive was taken possession of before clusters were told apart.
    var cluster: String?

    /// Throws unless the archive belongs to `system`; takes possession of one that belongs to nobody yet.
    /// - Parameters:
    ///   - cluster: nil: not known, and not compared.
    ///   - permission: asked before possession is taken.
    static func claim(
        _ store: any ObjectStore, _ layout: ArchiveLayout, for system: SystemIdentifier, cluster: String? = nil,
        if permission: () throws -> Void
    ) throws {
        if let owner = try read(store, layout) { return try owner.require(system, cluster, layout) }
        // An archive that Barman or CloudNativePG filled has no such object, but its backups tell.
        for backup in try BackupCatalogue.read(store, layout).backups.suffix(1) {
            if let found = backup.systemIdentifier {
                try ArchiveOwner(systemIdentifier: found).require(system, cluster, layout)
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let content = try encoder.encode(ArchiveOwner(systemIdentifier: system, cluster: cluster))
        if try store.putIfAbsent(layout.owner, Array(content), if: permission) == .different {
            try read(store, layout)?.require(system, cluster, layout)
        }
    }

    /// Throws if the archive is known to belong to another cluster than that of a data directory: before anything is
    /// deleted in it. Writes nothing.
    static func require(
        _ dataDirectory: String, _ cluster: String?, _ store: any ObjectStore, _ layout: ArchiveLayout
    ) throws {
        let system = try ControlData.read(dataDirectory: dataDirectory).systemIdentifier
        if let owner = try read(store, layout) { return try owner.require(system, cluster, layout) }
        for backup in try BackupCatalogue.read(store, layout).backups {
            guard let found = backup.systemIdentifier else { continue }
            try ArchiveOwner(systemIdentifier: found).require(system, cluster, layout)
        }
    }

    /// Throws if the archive is known to belong to a cluster of another name. Writes nothing.
    package static func require(
        cluster mine: String, _ store: any ObjectStore, _ layout: ArchiveLayout
    ) throws(ArchiveError) {
        do {
            guard let owner = try read(store, layout) else { return }
            try owner.require(owner.systemIdentifier, mine, layout)
        } catch { throw ArchiveError(error) }
    }

    private static func read(_ store: any ObjectStore, _ layout: ArchiveLayout) throws -> ArchiveOwner? {
        guard let content = try store.readAll(layout.owner, limit: 64 << 10) else { return nil }
        do {
            return try JSONDecoder().decode(ArchiveOwner.self, from: Data(content))
        } catch {
            throw ArchiveError(.refused, "'\(layout.owner)' in the archive cannot be read, so its owner is unknown")
        }
    }

    private func require(_ system: SystemIdentifier, _ mine: String?, _ layout: ArchiveLayout) throws(ArchiveError) {
        guard systemIdentifier == system else {
            throw ArchiveError(
                .refused,
                "archive '\(layout.server)' belongs to the system \(systemIdentifier), and this is \(system): "
                    + "give this cluster another server name")
        }
        guard let cluster, let mine, cluster != mine else { return }
        throw ArchiveError(
            .refused,
            "archive '\(layout.server)' belongs to the cluster '\(cluster)', and '\(mine)' is another one of the same "
                + "system, as after a restore: give it another server name")
    }
}

extension ArchiveSettings {
    /// Opens the archive; throws if it belongs to another cluster than that of the data directory.
    package func openOwn() throws(ArchiveError) -> any ObjectStore {
        do {
            let store = try location.open()
            try ArchiveOwner.require(dataDirectory, cluster, store, layout)
            return store
        } catch { throw ArchiveError(error) }
    }
}
