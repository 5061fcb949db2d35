/// What the version of a record in etcd is made of, as in `5e0f3a/12/40/9d1c…` or, after a restore that this member
/// noticed, `5e0f3a/12/40/9d1c…/1`.
///
/// An etcd that was restored from a backup gives the same revisions once more to other contents. So a version also names
/// the content, and counts the times at which this member saw the store go back.
struct EtcdVersion: Hashable {
    var cluster: UInt64
    /// Another one after deletion and re-creation.
    var created: Int64
    var modified: Int64
    /// Of the stored bytes.
    var content: UInt64
    /// Only this process counts it.
    var rollbacks: Int = 0

    init(cluster: UInt64, created: Int64, modified: Int64, bytes: [UInt8], rollbacks: Int) {
        self.cluster = cluster
        self.created = created
        self.modified = modified
        content = Self.hash(bytes)
        self.rollbacks = rollbacks
    }

    /// nil when no etcd ever made such a version.
    init?(_ version: RecordVersion) {
        let parts = version.text.split(separator: "/", omittingEmptySubsequences: false)
        guard (4...5).contains(parts.count), let cluster = UInt64(parts[0], radix: 16),
            let created = Int64(parts[1]), let modified = Int64(parts[2]), let content = UInt64(parts[3], radix: 16),
            let rollbacks = parts.count == 5 ? Int(parts[4]) : 0
        else { return nil }
        self.cluster = cluster
        self.created = created
        self.modified = modified
        self.content = content
        self.rollbacks = rollbacks
    }

    var version: RecordVersion {
        let suffix = rollbacks > 0 ? "/\(rollbacks)" : ""
        return RecordVersion(
            "\(String(cluster, radix: 16))/\(created)/\(modified)/\(String(content, radix: 16))\(suffix)")
    }

    /// FNV-1a: the comparison that counts is etcd's own, of all bytes.
    static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
    }
}
