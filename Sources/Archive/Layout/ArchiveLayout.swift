import ClusterModel
import ObjectStorage

/// Where things stand in an archive: barman-cloud's layout, so that its tools and CloudNativePG read ours and we theirs.
///
///     <server>/wals/<first 16 digits>/<segment>.gz        also .partial and .backup files
///     <server>/wals/<timeline>.history.gz
///     <server>/base/<id>/backup.info, data.tar.gz, data_0001.tar.gz, …
///     <server>/pgmahout/…                                  what only we need; Barman never looks here
package struct ArchiveLayout: Hashable, Sendable {
    /// The cluster's name in the archive; one path component.
    package let server: String

    package init(server: String) { self.server = server }

    /// With a `/` at the end, as for a listing.
    package var root: String { server + "/" }
    package var backups: String { server + "/base/" }
    package var wals: String { server + "/wals/" }

    /// - Parameter suffix: of the codec, such as `.gz`.
    package func wal(_ name: WALFileName, suffix: String) -> ObjectKey {
        ObjectKey(directory(of: name) + name.description + suffix)
    }

    /// The folder of a WAL file, with its `/`.
    package func directory(of name: WALFileName) -> String {
        if case .history = name { return server + "/wals/" }
        return server + "/wals/" + String(name.description.prefix(16)) + "/"
    }

    package func backup(_ id: String) -> ObjectKey { ObjectKey(server + "/base/" + id) }
    package func backupInfo(_ id: String) -> ObjectKey { backup(id) / "backup.info" }

    /// Parts are complete tars of their own that a reader unpacks over each other; the first has no number.
    package func dataPart(_ number: Int, of id: String, suffix: String) -> ObjectKey {
        backup(id) / (Self.partName(number) + ".tar" + suffix)
    }

    /// Number and codec suffix of a part of the data directory; nil: the object is no such part.
    static func dataPart(_ name: String) -> (number: Int, suffix: String)? {
        guard name.hasPrefix("data") else { return nil }
        let stem = name.prefix { $0 != "." }
        let rest = name.dropFirst(stem.count)
        guard rest.hasPrefix(".tar") else { return nil }
        let suffix = String(rest.dropFirst(4))
        if stem == "data" { return (0, suffix) }
        guard stem.hasPrefix("data_"), let number = Int(stem.dropFirst(5)), number > 0 else { return nil }
        return (number, suffix)
    }

    private static func partName(_ number: Int) -> String {
        if number == 0 { return "data" }
        let digits = String(number)
        return "data_" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// Throws when the archive holds WAL or backups under this name: then the cluster existed, and it is its record or
    /// its data that is missing. A new cluster of that name would split the archive between two histories.
    package func requireEmpty(_ store: any ObjectStore) throws {
        for part in ["wals", "base"] {
            let page = try store.list("\(root)\(part)/", after: nil, recursive: false)
            guard page.objects.isEmpty, page.folders.isEmpty else {
                throw ArchiveError(
                    .refused,
                    "'\(root)\(part)' in \(store) holds the archive of a cluster of this name, so none is made from "
                        + "nothing: bring back the members' data or the lease, restore from the archive, or choose "
                        + "another 'archive.server'")
            }
        }
    }

    /// Says whose archive this is.
    package var owner: ObjectKey { ObjectKey(server + "/pgmahout/owner.json") }

    /// Results of restore drills, one object each.
    package var drills: String { server + "/pgmahout/drills/" }
    package func drill(_ id: String) -> ObjectKey { ObjectKey(drills + id + ".json") }

    /// Where a `.partial` or `.backup` file goes whose name is taken by another content.
    package func variant(_ name: WALFileName, number: Int, suffix: String) -> ObjectKey {
        ObjectKey("\(server)/pgmahout/variants/\(name).\(number)\(suffix)")
    }
}
