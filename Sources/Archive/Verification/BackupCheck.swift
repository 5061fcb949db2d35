import ClusterModel
import ObjectStorage

/// Something that is wrong with a backup in the archive, or with the WAL behind it.
package struct BackupFinding: Codable, Hashable, Sendable, CustomStringConvertible {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        /// It is there, and is not what was stored.
        case damaged
        case missing
        /// WAL between two segments that are there.
        case gap
        /// Two things that must agree do not.
        case mismatch
        /// Pages whose checksums were wrong when the backup was taken.
        case corruptPages
    }

    package let kind: Kind
    /// The key of an object of the archive; what the manifest says stands under its name in the backup's folder.
    package let object: String
    /// One sentence.
    package let detail: String

    init(_ kind: Kind, _ key: ObjectKey, _ detail: String) {
        self.kind = kind
        object = key.text
        self.detail = detail
    }

    package var description: String { "\(kind.rawValue): '\(object)': \(detail)" }
}

/// What came of reading a backup again: one JSON object.
package struct BackupCheck: Encodable, Hashable, Sendable {
    /// Its id.
    package let backup: String
    /// Objects that were read to their end, WAL included.
    package internal(set) var objects = 0
    /// Bytes of them, as stored.
    package internal(set) var storedBytes: UInt64 = 0
    /// Files whose checksums were compared with those of the time of the backup; 0: it carries none.
    package internal(set) var comparedFiles = 0
    /// Files that have no checksum to compare with, or were not reached because of damage.
    package internal(set) var otherFiles = 0
    /// Segments that the way from the backup's begin on has.
    package internal(set) var walSegments = 0
    /// How many of them were read: those that the backup needs to be consistent, or all.
    package internal(set) var walRead = 0
    /// Where unbroken WAL ends.
    package internal(set) var walEnd: LSN?
    /// That WAL's last timeline.
    package internal(set) var timeline: TimelineID?
    package internal(set) var findings: [BackupFinding] = []
    /// What could not be checked, and why.
    package internal(set) var remarks: [String] = []
    package internal(set) var milliseconds: Int64 = 0

    package init(_ backup: String) { self.backup = backup }

    package var isGood: Bool { findings.isEmpty }

    mutating func find(_ kind: BackupFinding.Kind, _ key: ObjectKey, _ detail: String) {
        findings.append(BackupFinding(kind, key, detail))
    }

    private enum CodingKeys: String, CodingKey {
        case backup, isGood = "good", objects, storedBytes, comparedFiles, otherFiles, walSegments, walRead, walEnd
        case timeline, findings, remarks, milliseconds
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(backup, forKey: .backup)
        try container.encode(isGood, forKey: .isGood)
        try container.encode(objects, forKey: .objects)
        try container.encode(storedBytes, forKey: .storedBytes)
        try container.encode(comparedFiles, forKey: .comparedFiles)
        try container.encode(otherFiles, forKey: .otherFiles)
        try container.encode(walSegments, forKey: .walSegments)
        try container.encode(walRead, forKey: .walRead)
        try container.encodeIfPresent(walEnd, forKey: .walEnd)
        try container.encodeIfPresent(timeline, forKey: .timeline)
        try container.encode(findings, forKey: .findings)
        try container.encode(remarks, forKey: .remarks)
        try container.encode(milliseconds, forKey: .milliseconds)
    }
}
