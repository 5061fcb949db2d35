import ClusterModel
import Kubernetes
import Platform
import Synchronization

/// The record in a Lease of `coordination.k8s.io/v1`, see `KubernetesLeaseObject`.
///
/// Every call has a deadline of its own, a connection that is kept, and a client that nothing else uses: neither labels
/// nor events nor the watch can delay a renewal. A write sends the whole metadata back, the uid included; without it a
/// PUT to a Lease that was deleted would make it anew.
package final class KubernetesLeaseStore: LeaseStore {
    /// Of the Lease.
    package let name: String
    private let cluster: String
    private let timeout: Duration
    private let api: KubernetesAPI
    private let onRemark: (@Sendable (String) -> Void)?
    private let memory = Mutex(KubernetesLeaseMemory())

    private typealias Seen = KubernetesLeaseMemory.Seen

    /// - Parameters:
    ///   - timeout: the longest that a call takes, whatever it has to do for it.
    ///   - onRemark: gets a sentence for the log when somebody else changed what people see of the Lease, once each.
    package init(
        _ settings: KubernetesSettings, name: String, cluster: String, timeout: Duration = .seconds(2),
        onRemark: (@Sendable (String) -> Void)? = nil
    ) {
        self.name = name
        self.cluster = cluster
        self.timeout = timeout
        self.onRemark = onRemark
        api = KubernetesAPI(settings, name: "lease-http")
    }

    deinit { api.stop() }

    package func read() throws(LeaseStoreError) -> (record: ClusterRecord, version: RecordVersion)? {
        guard let seen = try get(until: BootClock.now() + timeout) else { return nil }
        let record = try decoded(seen.lease)
        let remark = KubernetesLeaseObject.disagreement(seen.lease, record)
        if memory.withLock({ $0.isNew(remark) }), let remark { onRemark?(remark) }
        return (record, seen.version)
    }

    package func create(_ record: ClusterRecord) throws(LeaseStoreError) -> RecordVersion {
        let deadline = BootClock.now() + timeout
        let write = Self.newWrite()
        let lease = try lease(record, write, over: nil, previous: nil)
        do throws(KubernetesError) {
            return try send(.create, lease, until: deadline)
        } catch {
            guard error.refusal?.isAlreadyExists == true else { throw LeaseStoreError(error) }
            if let seen = try? get(until: deadline), KubernetesLeaseObject.write(of: seen.lease) == write {
                return seen.version
            }
            throw .alreadyExists
        }
    }

    package func replace(
        _ record: ClusterRecord, at version: RecordVersion
    ) throws(LeaseStoreError) -> RecordVersion {
        let deadline = BootClock.now() + timeout
        let write = Self.newWrite()
        // The Lease is needed whole. What came in just now will do: that it is still current, the server checks.
        let recent = memory.withLock { $0.recent(version, at: BootClock.now()) }
        let known = if let recent { recent } else { try get(until: deadline) }
        guard let base = known else { throw .notFound }
        guard base.version == version else { throw .conflict }
        let lease = try lease(record, write, over: base.lease, previous: try decoded(base.lease))
        for _ in 0..<2 {
            do throws(KubernetesError) {
                return try send(.update, lease, until: deadline)
            } catch {
                if error.refusal?.isObjectMissing == true { throw .notFound }
                guard error.refusal?.code == 409 else { throw LeaseStoreError(error) }
                if let version = try settle(write, at: version, deadline) { return version }
            }
        }
        throw .unavailable("the API server answers 409 for a Lease that nobody changed")
    }

    package func watch(_ onChange: @escaping @Sendable () -> Void) throws(LeaseStoreError) -> any LeaseWatch {
        do throws(SystemError) {
            return try KubernetesLeaseWatch(api.settings, name: name, onChange)
        } catch {
            throw .unavailable(error.description)
        }
    }

    // MARK: - Reading

    /// Without a resourceVersion: so the API server asks etcd instead of its own cache, which may be old.
    private func get(until deadline: Instant) throws(LeaseStoreError) -> Seen? {
        let mark = memory.withLock(\.mark)
        let lease: JSONValue
        do throws(KubernetesError) {
            lease = try api.send(KubernetesCall(.get, .leases, name: name, timeout: deadline.since(BootClock.now())))
        } catch {
            if error.refusal?.isObjectMissing == true { return nil }
            throw LeaseStoreError(error)
        }
        let seen = memory.withLock { $0.note(read: lease, since: mark, at: BootClock.now()) }
        guard lease.text("metadata", "name") == name, let seen else {
            throw .unavailable("'\(api.settings.url)' answers with another object than \(place)")
        }
        return seen
    }

    private func decoded(_ lease: JSONValue) throws(LeaseStoreError) -> ClusterRecord {
        guard let document = KubernetesLeaseObject.document(of: lease) else {
            let holder = lease.text("spec", "holderIdentity").map { " and is held by '\($0)'" } ?? ""
            throw .invalid(
                "\(place) is not one of pgmahout: it has no annotation \(KubernetesLeaseObject.recordAnnotation)"
                    + "\(holder). Give the cluster another lease.kubernetes.name, or delete the Lease if nothing uses it"
            )
        }
        return try RecordDocument.decode(
            document, cluster: cluster, source: "the annotation \(KubernetesLeaseObject.recordAnnotation) of \(place)")
    }

    private var place: String { "the Lease '\(name)' in the namespace '\(api.settings.namespace)'" }

    // MARK: - Writing

    private func lease(
        _ record: ClusterRecord, _ write: String, over base: JSONValue?, previous: ClusterRecord?
    ) throws(LeaseStoreError) -> JSONValue {
        let document = try RecordDocument.encode(record, cluster: cluster)
        guard document.count <= KubernetesLeaseObject.largestRecord else {
            throw .invalid(
                "it has grown to \(document.count) bytes, and a Lease holds \(KubernetesLeaseObject.largestRecord): "
                    + "remove members that are gone for good")
        }
        return KubernetesLeaseObject.lease(
            record, document: document, write: write, name: name, namespace: api.settings.namespace, over: base,
            previous: previous, now: KubernetesTime.now())
    }

    /// The server is told the deadline too, so that it does not go on for long with what nobody waits for.
    private func send(
        _ verb: KubernetesCall.Verb, _ lease: JSONValue, until deadline: Instant
    ) throws(KubernetesError) -> RecordVersion {
        let rest = deadline.since(BootClock.now())
        let written = try api.send(
            KubernetesCall(
                verb, .leases, name: verb == .create ? nil : name,
                query: [("timeout", "\(max(1, rest.milliseconds))ms")], body: lease, timeout: rest))
        guard let seen = memory.withLock({ $0.note(written: written, at: BootClock.now()) }) else {
            throw .nonsense("'\(api.settings.url)' answers a write with an object that has no version")
        }
        return seen.version
    }

    /// After a 409 for a replacement: the version of our own write when it was applied after all, by a first copy of
    /// the request that got lost on the way back. Nil when the Lease is still as it was, and nothing speaks against
    /// it: once more.
    private func settle(
        _ write: String, at version: RecordVersion, _ deadline: Instant
    ) throws(LeaseStoreError) -> RecordVersion? {
        guard let seen = try get(until: deadline) else { throw .notFound }
        if KubernetesLeaseObject.write(of: seen.lease) == write { return seen.version }
        guard seen.version == version else { throw .conflict }
        return nil
    }

    private static func newWrite() -> String {
        String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
    }
}

/// A watch of the Lease with a client of its own.
private final class KubernetesLeaseWatch: LeaseWatch {
    private let api: KubernetesAPI
    private let watch: KubernetesWatch

    init(
        _ settings: KubernetesSettings, name: String, _ onChange: @escaping @Sendable () -> Void
    ) throws(SystemError) {
        api = KubernetesAPI(settings, name: "lease-watch")
        watch = try KubernetesWatch(api, .leases, name: name) { _ in onChange() }
    }

    deinit { stop() }

    func stop() {
        watch.stop()
        api.stop()
    }
}

extension LeaseStoreError {
    fileprivate init(_ error: KubernetesError) {
        self = [401, 403].contains(error.refusal?.code) ? .denied(error.description) : .unavailable(error.description)
    }
}
