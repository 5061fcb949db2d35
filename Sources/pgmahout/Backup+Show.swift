import Archive
import ArgumentParser
import ClusterModel
import ObjectStorage

extension Backup {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show everything that the archive says about one backup.")

        @Argument(help: "Id or name of the backup. Default: the newest finished one.")
        var backup: String?

        @OptionGroup var options: ArchiveOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let location = try options.location()
            let store = try location.store()
            let details: BackupDetails
            do throws(ArchiveError) {
                details = try BackupDetails.read(store, location.layout, backup)
            } catch { throw Failure(error) }
            switch output.output {
            case .json: try Console.json(BackupSheet(details))
            case .table: Console.line(BackupSheet(details).text)
            }
        }
    }
}

/// One backup in full, for people and as JSON.
struct BackupSheet: Encodable {
    struct Part: Encodable {
        let object: String
        let storedBytes: UInt64
    }

    struct Tablespace: Encodable {
        let name: String
        let oid: UInt32
        let location: String
    }

    private let backup: BackupTable.Entry
    private let beginWAL: String?
    private let endWAL: String?
    private let segmentBytes: UInt64
    private let dataDirectory: String?
    private let tablespaces: [Tablespace]
    private let parts: [Part]
    private let storedBytes: UInt64
    private let kept: String?
    private let label: String?

    init(_ details: BackupDetails) {
        let info = details.backup
        backup = BackupTable.Entry(info)
        beginWAL = info.beginWAL?.description
        endWAL = info.endWAL?.description
        segmentBytes = info.segmentSize
        dataDirectory = info.dataDirectory
        tablespaces = info.tablespaces.map { Tablespace(name: $0.name, oid: $0.oid, location: $0.location) }
        parts = details.parts.map { Part(object: $0.key.text, storedBytes: $0.size) }
        storedBytes = parts.reduce(0) { $0 + $1.storedBytes }
        kept = details.kept
        label = info.label
    }

    private enum CodingKeys: String, CodingKey {
        case beginWAL, endWAL, segmentBytes, dataDirectory, tablespaces, parts, storedBytes, kept, label
    }

    /// The keys of `backup list`, and more.
    func encode(to encoder: any Encoder) throws {
        try backup.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encodeIfPresent(beginWAL, forKey: .beginWAL)
        try container.encodeIfPresent(endWAL, forKey: .endWAL)
        try container.encode(segmentBytes, forKey: .segmentBytes)
        try container.encodeIfPresent(dataDirectory, forKey: .dataDirectory)
        try container.encode(tablespaces, forKey: .tablespaces)
        try container.encode(parts, forKey: .parts)
        try container.encode(storedBytes, forKey: .storedBytes)
        try container.encodeIfPresent(kept, forKey: .kept)
        try container.encodeIfPresent(label, forKey: .label)
    }

    var text: String {
        var rows: [(String, String?)] = [
            ("backup", backup.id), ("name", backup.name),
            ("status", backup.status.lowercased() + (backup.complete ? "" : ", not usable")),
            ("error", backup.error), ("kept", kept),
            (
                "begin",
                [backup.beginTime, backup.beginLSN?.description, beginWAL].compactMap(\.self).joined(separator: ", ")
            ),
            ("end", [backup.endTime, backup.endLSN?.description, endWAL].compactMap(\.self).joined(separator: ", ")),
            ("timeline", backup.timeline?.description), ("system", backup.systemIdentifier?.description),
            ("version", backup.serverVersion.map(String.init)), ("data", dataDirectory),
            ("files", backup.sizeBytes.map(Amounts.bytes)), ("stored", Amounts.bytes(storedBytes)),
        ]
        rows += tablespaces.map { ("tablespace", "\($0.name) (\($0.oid)) at \($0.location)") }
        rows += parts.map { ("part", "\($0.object), \(Amounts.bytes($0.storedBytes))") }
        rows += backup.corruptPages.map { ("corrupt", $0) }
        return rows.compactMap { name, value in
            guard let value, !value.isEmpty else { return nil }
            return name + String(repeating: " ", count: max(1, 12 - name.count)) + value
        }.joined(separator: "\n")
    }
}
