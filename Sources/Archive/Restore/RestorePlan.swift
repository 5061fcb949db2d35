import ClusterModel
import Compression
import ObjectStorage

/// What a restore would do, and whether it can: found out by listings and small objects, before anything is touched.
package struct RestorePlan: Sendable {
    package struct Tablespace: Hashable, Sendable {
        package let name: String
        package let oid: UInt32
        /// Where its files go; absolute.
        package let location: String
        /// Where they were.
        package let original: String
    }

    /// An object that is unpacked.
    package struct Part: Hashable, Sendable {
        package let key: ObjectKey
        package let name: BackupPartName
        /// Of the codec, with the dot; empty for none.
        let suffix: String
        /// As stored.
        package let bytes: UInt64
    }

    package let request: RestoreRequest
    package let backup: BackupInfo
    package let path: RecoveryPath
    package let reach: RecoveryPath.Reach
    package var parts: [Part] = []
    package var tablespaces: [Tablespace] = []
    /// Bytes; nil: the backup does not tell how large its files are.
    package var spaceNeeded: UInt64?
    package var spaceFree: UInt64?
    /// Time of the last commit that the archive is known to have; nil: it was not looked for.
    package var lastCommit: Timestamp?
    /// Why it cannot be done; empty: it can, as far as can be known before it is tried.
    package var problems: [String] = []
    /// What may be a surprise.
    package var remarks: [String] = []

    init(_ request: RestoreRequest, _ choice: BackupChoice, _ reach: RecoveryPath.Reach) {
        self.request = request
        backup = choice.backup
        path = choice.path
        self.reach = reach
    }

    package var isFeasible: Bool { problems.isEmpty }

    /// Throws unless it can be done.
    package func require() throws(RestoreError) {
        guard !problems.isEmpty else { return }
        throw RestoreError(problems.joined(separator: "; "))
    }

    /// What the plan is about, in a form that is the same for the same plan: whoever approved one has approved no other.
    package var canonicalText: String {
        [
            "archive \(request.archive)", "server \(request.server)", "backup \(backup.id)",
            "system \(backup.systemIdentifier?.description ?? "?")",
            "target \(request.target) \(request.target.isInclusive)", "timeline \(path.timeline)",
            "directory \(request.targetDirectory)",
        ].joined(separator: "\n")
            + tablespaces.map { "\ntablespace \($0.oid) \($0.location)" }.joined()
    }
}
