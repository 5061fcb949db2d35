import Platform
import Postgres

/// The last look before a cluster is made from nothing.
enum EmptyArchive {
    /// Throws when the archive holds WAL or backups under this name: then the cluster existed, and it is its record or
    /// its data that is missing. A new cluster of that name would split the archive between two histories.
    static func require(in directory: String, server: String) throws {
        for part in ["wals", "base"] {
            let path = "\(directory)/\(server)/\(part)"
            guard let names = try? Files.list(path), !names.isEmpty else { continue }
            throw DataDirectoryError(
                "'\(path)' holds the archive of a cluster of this name, so none is made from nothing: bring back the "
                    + "members' data or the lease, restore from the archive, or choose another 'archive.server'")
        }
    }
}
