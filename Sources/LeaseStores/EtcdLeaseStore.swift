import ClusterModel
import FoundationEssentials
import Synchronization

/// The record as one key of etcd (3.4 or later), over its JSON gateway.
///
/// Every write is a transaction that compares when the key was made, when it was changed last, and its content: an etcd
/// that was restored from a backup counts the same revisions once more. All reads are linearizable.
package final class EtcdLeaseStore: LeaseStore {
    private let cluster: String
    private let client: EtcdClient
    private let memory = Mutex(EtcdMemory())

    /// - Parameter settings: without `problems`.
    package init(_ settings: EtcdSettings, cluster: String) {
        self.cluster = cluster
        client = EtcdClient(settings)
    }

    package func read() throws(LeaseStoreError) -> (record: ClusterRecord, version: RecordVersion)? {
        guard let stored = try fetch() else { return nil }
        return (try decode(stored.bytes), stored.version.version)
    }

    package func create(_ record: ClusterRecord) throws(LeaseStoreError) -> RecordVersion {
        let bytes = try RecordDocument.encode(record, cluster: cluster)
        var absent = EtcdMessages.Comparison(key: client.key, target: "CREATE")
        absent.createRevision = "0"
        let result = try write(bytes, if: [absent], replacing: nil)
        switch result.state {
        case .written(let version): return version.version
        case .found(let stored?) where result.isDoubtful && stored.bytes == bytes: return stored.version.version
        case .found(let stored):
            if result.isDoubtful { throw Self.lost }
            // Something forbade it a moment ago, and is gone already.
            if stored == nil { throw .unavailable("the record was removed meanwhile") }
            throw .alreadyExists
        }
    }

    package func replace(
        _ record: ClusterRecord, at version: RecordVersion
    ) throws(LeaseStoreError) -> RecordVersion {
        let bytes = try RecordDocument.encode(record, cluster: cluster)
        let (base, present) = try base(at: version)
        var (made, changed, content) = (
            EtcdMessages.Comparison(key: client.key, target: "CREATE"),
            EtcdMessages.Comparison(key: client.key, target: "MOD"),
            EtcdMessages.Comparison(key: client.key, target: "VALUE")
        )
        made.createRevision = String(base.created)
        changed.modRevision = String(base.modified)
        content.value = EtcdMessages.base64(present)
        let result = try write(bytes, if: [made, changed, content], replacing: base)
        switch result.state {
        case .written(let version): return version.version
        case .found(let stored?) where result.isDoubtful && stored.bytes == bytes: return stored.version.version
        case .found(let stored):
            // It may have been written, and replaced by somebody since.
            if result.isDoubtful { throw Self.lost }
            throw stored == nil ? .notFound : .conflict
        }
    }

    package func watch(_ onChange: @escaping @Sendable () -> Void) throws(LeaseStoreError) -> any LeaseWatch {
        do { return try EtcdLeaseWatch(client, onChange) } catch { throw .unavailable("\(error)") }
    }

    // MARK: - Calls

    private struct Stored {
        var bytes: [UInt8]
        var version: EtcdVersion
    }

    private func fetch() throws(LeaseStoreError) -> Stored? {
        let mark = memory.withLock { $0.mark }
        let outcome = try client.call(
            "/v3/kv/range", EtcdMessages.Range(key: client.key), isWrite: false, EtcdMessages.RangeAnswer.self)
        do throws(EtcdFailure) { return try note(outcome.position, outcome.answer.kvs, since: mark) } catch {
            throw .invalid(error.reason)
        }
    }

    private enum Written {
        case written(EtcdVersion)
        /// Nothing was written by the attempt that was answered; this is there.
        case found(Stored?)
    }

    private func write(
        _ bytes: [UInt8], if comparisons: [EtcdMessages.Comparison], replacing base: EtcdVersion?
    ) throws(LeaseStoreError) -> (state: Written, isDoubtful: Bool) {
        let mark = memory.withLock { $0.mark }
        let put = EtcdMessages.Put(key: client.key, value: EtcdMessages.base64(bytes))
        let transaction = EtcdMessages.Transaction(
            compare: comparisons, success: [EtcdMessages.Operation(requestPut: put)],
            failure: [EtcdMessages.Operation(requestRange: EtcdMessages.Range(key: client.key))])
        let outcome = try client.call(
            "/v3/kv/txn", transaction, isWrite: true, EtcdMessages.TransactionAnswer.self)
        guard outcome.answer.succeeded == true else {
            let pairs = outcome.answer.responses?.first?.responseRange?.kvs
            do throws(EtcdFailure) {
                return (.found(try note(outcome.position, pairs, since: mark)), outcome.isDoubtful)
            } catch {
                throw .unavailable(error.reason)
            }
        }
        let revision = outcome.position.revision
        let version = memory.withLock { memory in
            memory.note(outcome.position, modified: nil, since: mark)
            let version = EtcdVersion(
                cluster: outcome.position.cluster, created: base?.created ?? revision, modified: revision,
                bytes: bytes, rollbacks: memory.rollbacks)
            memory.remember(version, bytes)
            return version
        }
        return (.written(version), outcome.isDoubtful)
    }

    /// What is replaced, and its bytes, which etcd shall compare.
    private func base(at version: RecordVersion) throws(LeaseStoreError) -> (EtcdVersion, [UInt8]) {
        let wanted = EtcdVersion(version)
        if let wanted, let bytes = memory.withLock({ $0.bytes(of: wanted) }) { return (wanted, bytes) }
        // An old one; or another member's store told it. Should the store have gone back to it, this look tells.
        guard let stored = try fetch() else { throw .notFound }
        guard stored.version == wanted else { throw .conflict }
        return (stored.version, stored.bytes)
    }

    private func note(
        _ position: EtcdPosition, _ pairs: [EtcdMessages.KeyValue]?, since mark: EtcdMemory.Mark
    ) throws(EtcdFailure) -> Stored? {
        let pair = pairs?.first
        let revisions = pair.map { (created: Int64($0.createRevision), modified: Int64($0.modRevision)) }
        let rollbacks = memory.withLock { memory in
            memory.note(position, modified: revisions?.modified, since: mark)
            return memory.rollbacks
        }
        guard let pair else { return nil }
        guard let created = revisions?.created, let modified = revisions?.modified else {
            throw strange("has the revisions '\(pair.createRevision)' and '\(pair.modRevision)', which are no numbers")
        }
        guard let data = Data(base64Encoded: pair.value ?? "") else { throw strange("has a value that is no base64") }
        let bytes = Array(data)
        let version = EtcdVersion(
            cluster: position.cluster, created: created, modified: modified, bytes: bytes, rollbacks: rollbacks)
        memory.withLock { $0.remember(version, bytes) }
        return Stored(bytes: bytes, version: version)
    }

    private func strange(_ what: String) -> EtcdFailure {
        EtcdFailure(
            kind: .nonsense,
            "the key '\(client.settings.key)' \(what): \(EtcdFailure.advice)")
    }

    private func decode(_ bytes: [UInt8]) throws(LeaseStoreError) -> ClusterRecord {
        try RecordDocument.decode(bytes, cluster: cluster, source: "the key '\(client.settings.key)' in etcd")
    }

    private static let lost = LeaseStoreError.unavailable(
        "an attempt to write was not answered, and the record is another one now")
}
