import ClusterModel
import FoundationEssentials
import ObjectStorage

/// What came of one restore drill: an object under `<server>/pgmahout/drills/`, written once.
///
/// Metrics are computed from these objects, so that every member tells the same, whoever ran the drill.
package struct DrillResult: Codable, Hashable, Sendable {
    /// A part of the drill and how long it took.
    package struct Phase: Codable, Hashable, Sendable {
        /// `plan`, `files`, `recovery`, `start`, `checks`.
        package var name: String
        package var milliseconds: Int64

        package init(name: String, milliseconds: Int64) {
            self.name = name
            self.milliseconds = milliseconds
        }
    }

    /// One thing that was looked at in the restored server.
    package struct Check: Codable, Hashable, Sendable {
        /// Such as `database app`, `role app`, `query 1`, `pg_amcheck`.
        package var name: String
        package var passed: Bool
        /// What was found, on one line.
        package var detail: String

        package init(name: String, passed: Bool, detail: String) {
            self.name = name
            self.passed = passed
            self.detail = detail
        }
    }

    /// `YYYYMMDDTHHMMSS` of its begin in UTC; unique within the archive.
    package var id: String
    /// The backup that was restored; nil when the drill failed before one was chosen.
    package var backup: String?
    /// Who ran it; nil: a command without a configuration.
    package var member: String?
    /// ISO 8601.
    package var startedAt: String
    package var finishedAt: String
    package var succeeded: Bool
    /// Why not; nil when it did.
    package var failure: String?
    package var phases: [Phase] = []
    package var checks: [Check] = []
    /// Where recovery ended.
    package var timeline: TimelineID?
    package var end: LSN?
    /// Time of the last transaction that was replayed, as the server tells it.
    package var lastTransaction: String?
    /// Of the restored files.
    package var bytes: UInt64?

    package init(id: String, startedAt: Timestamp) {
        self.id = id
        self.startedAt = startedAt.iso8601
        finishedAt = startedAt.iso8601
        succeeded = false
    }

    /// From begin to end; nil when the times make no sense.
    package var duration: Duration? {
        guard let start = started, let end = finished, end >= start else { return nil }
        return .microseconds(end.microseconds - start.microseconds)
    }

    package var started: Timestamp? { Timestamp(startedAt) }
    package var finished: Timestamp? { Timestamp(finishedAt) }

    // MARK: In the archive

    package var encoded: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }

    package init(decoding bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(DrillResult.self, from: Data(bytes))
    }

    /// Adds it to the archive.
    package func record(in store: any ObjectStore, _ layout: ArchiveLayout) throws {
        guard try store.putIfAbsent(layout.drill(id), encoded) != .different else {
            throw ArchiveError(.refused, "another drill of the same second has been recorded as '\(id)'")
        }
    }

    /// Removes all but the newest `keep`.
    package static func prune(
        _ store: any ObjectStore, _ layout: ArchiveLayout, keep: Int
    ) throws(ArchiveError) {
        do {
            let all = try store.listAll(layout.drills).objects.map(\.key).filter {
                $0.name.hasSuffix(".json") && BackupInfo.isID($0.name.dropLast(5))
            }
            try store.delete(Array(all.sorted { $0.name < $1.name }.dropLast(max(1, keep))))
        } catch { throw ArchiveError(error) }
    }

    /// The newest that can be read, for the price of one object.
    package static func newest(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError)
        -> DrillResult?
    {
        let names = try store.listAll(layout.drills).objects.map(\.key).filter { $0.name.hasSuffix(".json") }
        for key in names.sorted(by: { $0.name > $1.name }) {
            if let content = try store.readAll(key), let result = try? DrillResult(decoding: content) { return result }
        }
        return nil
    }

    /// All that the archive knows, oldest first. An object that cannot be read is left out.
    package static func list(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError)
        -> [DrillResult]
    {
        var found: [DrillResult] = []
        for object in try store.listAll(layout.drills).objects where object.key.name.hasSuffix(".json") {
            guard let content = try store.readAll(object.key), let result = try? DrillResult(decoding: content) else {
                continue
            }
            found.append(result)
        }
        return found.sorted { $0.id < $1.id }
    }
}
