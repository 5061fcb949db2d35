/// Where an answer of etcd stands.
struct EtcdPosition: Hashable {
    var cluster: UInt64
    var revision: Int64

    init(cluster: UInt64, revision: Int64) {
        self.cluster = cluster
        self.revision = revision
    }

    init?(_ header: EtcdMessages.Header) {
        guard let cluster = UInt64(header.clusterId), let revision = Int64(header.revision), revision > 0 else {
            return nil
        }
        self.init(cluster: cluster, revision: revision)
    }
}

/// What a member has seen of etcd: enough to notice that the store went back, and to replace without reading first.
struct EtcdMemory {
    /// What was known when a call began.
    struct Mark {
        fileprivate var highest: EtcdPosition?
        /// When the record was changed last.
        fileprivate var modified: Int64?
        fileprivate var rollbacks: Int
    }

    /// How often the store was seen to go back.
    private(set) var rollbacks = 0
    /// The furthest answer so far.
    private var highest: EtcdPosition?
    private var newest: (version: EtcdVersion, bytes: [UInt8])?

    var mark: Mark { Mark(highest: highest, modified: newest?.version.modified, rollbacks: rollbacks) }

    /// - Parameters:
    ///   - modified: when the record was changed last, by this answer; nil: there is none, or it was just written.
    ///   - mark: when the call began that this is the answer to. Answers to calls that overlap may come in any order;
    ///     but none shows what had passed before its call began, unless the store went back.
    mutating func note(_ position: EtcdPosition, modified: Int64?, since mark: Mark) {
        if mark.rollbacks == rollbacks, Self.isBack(position, modified, since: mark) {
            rollbacks += 1
            newest = nil
            highest = position
        } else if highest.map({ $0.cluster == position.cluster && $0.revision < position.revision }) ?? true {
            highest = position
        }
    }

    /// By the record itself as well: the revision of a store that went back may have grown past the old one again.
    private static func isBack(_ position: EtcdPosition, _ modified: Int64?, since mark: Mark) -> Bool {
        guard let seen = mark.highest else { return false }
        if seen.cluster != position.cluster || seen.revision > position.revision { return true }
        guard let modified, let before = mark.modified else { return false }
        return modified < before
    }

    mutating func remember(_ version: EtcdVersion, _ bytes: [UInt8]) {
        guard version.rollbacks == rollbacks else { return }
        if let newest, newest.version.modified > version.modified { return }
        newest = (version, bytes)
    }

    /// The content of a version, if it is the newest one seen.
    func bytes(of version: EtcdVersion) -> [UInt8]? { newest?.version == version ? newest?.bytes : nil }
}
