import ClusterModel
import Kubernetes

/// The record as a Lease, and back.
///
/// The whole record stands in one annotation, which alone counts. `spec` is made from it with every write, so that
/// `kubectl get lease` tells the truth; nothing is ever read from there. If somebody changes `spec` by hand, or another
/// program does, nothing happens but that the next write puts it right: a change of the text that counts is refused by
/// compare-and-swap like any other, and a cluster does not stop for a slip of the hand.
enum KubernetesLeaseObject {
    static let recordAnnotation = "pgmahout.io/record"
    /// New with every write: by it a writer knows its own write again, and a version of a store that was set back to
    /// an older state is not taken for the one that it once counted up to.
    static let writeAnnotation = "pgmahout.io/write"

    /// What the API server takes as annotations of one object, in bytes; a part is left to others.
    static let largestRecord = 240 << 10

    /// nil when the object is not as the API server makes them.
    /// - Parameter setBacks: see `KubernetesLeaseMemory`.
    static func version(of lease: JSONValue, setBacks: Int) -> RecordVersion? {
        guard let uid = lease.text("metadata", "uid"), !uid.isEmpty,
            let version = lease.text("metadata", "resourceVersion"), !version.isEmpty
        else { return nil }
        return RecordVersion("\(uid)/\(version)/\(write(of: lease) ?? "")" + (setBacks == 0 ? "" : "/\(setBacks)"))
    }

    static func write(of lease: JSONValue) -> String? { lease.text("metadata", "annotations", writeAnnotation) }

    static func document(of lease: JSONValue) -> [UInt8]? {
        lease.text("metadata", "annotations", recordAnnotation).map { Array($0.utf8) }
    }

    /// The Lease to be sent.
    /// - Parameters:
    ///   - base: the Lease as it is: all that others put there, uid and resourceVersion included, is sent back.
    ///   - previous: the record in `base`.
    static func lease(
        _ record: ClusterRecord, document: [UInt8], write: String, name: String, namespace: String,
        over base: JSONValue?, previous: ClusterRecord?, now: String
    ) -> JSONValue {
        var lease = base ?? created(name: name, namespace: namespace)
        lease["apiVersion"] = .string(KubernetesResource.leases.version)
        lease["kind"] = .string(KubernetesResource.leases.kind)
        var metadata = lease["metadata"] ?? .object([:])
        var annotations = metadata["annotations"] ?? .object([:])
        annotations[recordAnnotation] = .string(String(decoding: document, as: UTF8.self))
        annotations[writeAnnotation] = .string(write)
        metadata["annotations"] = annotations
        lease["metadata"] = metadata

        var spec = lease["spec"] ?? .object([:])
        let isSameHolder = record.holder != nil && record.holder == previous?.holder && record.term == previous?.term
        // Absent once released: client-go, too, takes that for a lease that nobody holds.
        spec["holderIdentity"] = record.holder.map { .string($0.description) }
        if !isSameHolder || spec["acquireTime"]?.string == nil {
            spec["acquireTime"] = record.holder == nil ? nil : .string(now)
        }
        spec["renewTime"] = .string(now)
        spec["leaseDurationSeconds"] = .integer(seconds(record.durationMilliseconds))
        spec["leaseTransitions"] = .integer(Int64(min(record.term, UInt64(Int32.max))))
        lease["spec"] = spec
        return lease
    }

    /// What somebody else made of `spec`, in a sentence; nil when it says what the record does.
    static func disagreement(_ lease: JSONValue, _ record: ClusterRecord) -> String? {
        let shown = lease.text("spec", "holderIdentity") ?? ""
        let holder = record.holder?.description ?? ""
        guard shown != holder else { return nil }
        let name = lease.text("metadata", "name") ?? ""
        return "somebody set spec.holderIdentity of the Lease '\(name)' to '\(shown)'. What counts is the annotation "
            + "\(recordAnnotation), which says '\(holder)'; the next renewal puts spec right"
    }

    /// Whole seconds, rounded up: the API server wants at least one.
    private static func seconds(_ milliseconds: Int64) -> Int64 {
        let (sum, overflow) = milliseconds.addingReportingOverflow(999)
        return min(max(1, (overflow ? milliseconds : sum) / 1000), Int64(Int32.max))
    }

    private static func created(name: String, namespace: String) -> JSONValue {
        [
            "metadata": [
                "name": .string(name), "namespace": .string(namespace),
                "labels": ["app.kubernetes.io/managed-by": "pgmahout"],
            ]
        ]
    }
}
