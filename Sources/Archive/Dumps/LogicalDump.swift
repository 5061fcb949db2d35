import ClusterModel
import FoundationEssentials
import ObjectStorage

/// A logical dump in the archive: `dumps/<id>/…`, described by `dumps/<id>.json`, which is written last and is what makes
/// it one. Roles and tablespaces are one part, each database is another, so that one can be restored without the rest.
package struct LogicalDump: Hashable, Sendable, Codable {
    package struct Part: Hashable, Sendable, Codable {
        /// nil: roles and tablespaces.
        package var database: String?
        /// Of the database, for making it under another name.
        package var encoding: String?
        package var collation: String?
        package var characterType: String?
        /// Within the dump's folder.
        package var object: String
        /// As stored.
        package var bytes: UInt64
        package var uncompressedBytes: UInt64
        /// Of the object as stored.
        package var sha256: String
        /// Of the program that wrote it: 0, or it would not be here.
        package var exitStatus: Int32
    }

    /// `YYYYMMDDTHHMMSS` in UTC.
    package var id: String
    package var serverVersion: String
    package var startedAt: String
    package var finishedAt: String
    package var parts: [Part]

    package var bytes: UInt64 { parts.reduce(0) { $0 + $1.bytes } }
    package var databases: [String] { parts.compactMap(\.database) }

    static func description(_ id: String, _ layout: ArchiveLayout) -> ObjectKey {
        ObjectKey(layout.dumps + id + ".json")
    }
    static func folder(_ id: String, _ layout: ArchiveLayout) -> String { layout.dumps + id + "/" }

    // MARK: In the archive

    /// Published ones, oldest first; a description that cannot be read is left out.
    package static func list(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError)
        -> [LogicalDump]
    {
        var found: [LogicalDump] = []
        for object in try store.listAll(layout.dumps).objects where object.key.name.hasSuffix(".json") {
            guard let content = try store.readAll(object.key) else { continue }
            if let dump = try? JSONDecoder().decode(LogicalDump.self, from: Data(content)) { found.append(dump) }
        }
        return found.sorted { $0.id < $1.id }
    }

    func publish(_ store: any ObjectStore, _ layout: ArchiveLayout) throws {
        for part in parts {
            let key = ObjectKey(Self.folder(id, layout) + part.object)
            guard try store.head(key)?.size == part.bytes else {
                throw ArchiveError(.refused, "'\(key)' is not there any more: somebody removed it while the dump ran")
            }
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard try store.putIfAbsent(Self.description(id, layout), Array(try encoder.encode(self))) == .created else {
            throw ArchiveError(.refused, "another dump of the same second has been published as '\(id)'")
        }
    }

    /// Removes all but the newest `keep`, and what dumps that were never published have left for a week: one
    /// may take long.
    /// - Returns: ids of those that went.
    @discardableResult
    package static func prune(
        _ store: any ObjectStore, _ layout: ArchiveLayout, keep: Int, now: Timestamp
    ) throws(ArchiveError) -> [String] {
        do {
            let published = try list(store, layout).map(\.id)
            let old = Array(published.dropLast(max(1, keep)))
            // The description first: what is left without one is no dump, and is found again.
            for id in old {
                try store.delete(description(id, layout))
                try removeFolder(id, store, layout)
            }
            let all = Set(
                try store.listAll(layout.dumps).objects.map { String($0.key.name.prefix(15)) }.filter(BackupInfo.isID))
            for folder in try store.listAll(layout.dumps).folders {
                let id = String(folder.dropFirst(layout.dumps.count).dropLast())
                guard !all.contains(id), let begun = Timestamp(backupID: id), now.since(begun) > patience else {
                    continue
                }
                try removeFolder(id, store, layout)
            }
            return old
        } catch { throw ArchiveError(error) }
    }

    private static let patience = Duration.seconds(7 * 86_400)

    private static func removeFolder(_ id: String, _ store: any ObjectStore, _ layout: ArchiveLayout) throws {
        try store.delete(try store.listAll(folder(id, layout), recursive: true).objects.map(\.key))
    }
}
