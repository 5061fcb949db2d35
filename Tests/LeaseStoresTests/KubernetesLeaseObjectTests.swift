import ClusterModel
import Kubernetes
import LeaseStores
import Platform
import Synchronization
import TestSupport
import Testing

/// What people and other programs see of the record, and what they may do to it.
@Suite(.ownThread) struct KubernetesLeaseObjectTests {
    private let subject: KubernetesSubject
    private let store: KubernetesLeaseStore

    init() throws {
        subject = try KubernetesSubject()
        store = subject.store(subject.server.settings)
    }

    @Test("kubectl get lease tells the truth: who holds it since when, for how long, and how often that changed")
    func truth() throws {
        var version = try store.create(held(by: "pg-0", term: 1))
        let first = try lease()
        #expect(first.text("spec", "holderIdentity") == "pg-0/uid/boot")
        #expect(first["spec"]?["leaseDurationSeconds"] == .integer(6))
        #expect(first["spec"]?["leaseTransitions"] == .integer(1))
        let acquired = try #require(first.text("spec", "acquireTime"))
        let isMicroTime = acquired.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/) != nil
        #expect(isMicroTime, "\(acquired)")

        version = try store.replace(held(by: "pg-0", term: 1, renewal: "next"), at: version)
        let renewed = try lease()
        #expect(renewed.text("spec", "acquireTime") == acquired)
        #expect(try #require(renewed.text("spec", "renewTime")) > acquired)

        version = try store.replace(held(by: "pg-1", term: 2), at: version)
        let taken = try lease()
        #expect(taken.text("spec", "holderIdentity") == "pg-1/uid/boot")
        #expect(taken["spec"]?["leaseTransitions"] == .integer(2))
        #expect(try #require(taken.text("spec", "acquireTime")) > acquired)

        _ = try store.replace(held(by: nil, term: 2), at: version)
        let released = try lease()
        #expect(released["spec"]?["holderIdentity"] == nil)
        #expect(released["spec"]?["acquireTime"] == nil)
    }

    @Test("a duration is shown in whole seconds, rounded up, at least one", arguments: [(1, 1), (1000, 1), (6001, 7)])
    func duration(_ milliseconds: Int64, _ seconds: Int64) throws {
        var record = held(by: "pg-0", term: 1)
        record.durationMilliseconds = milliseconds
        _ = try store.create(record)
        #expect(try lease()["spec"]?["leaseDurationSeconds"] == .integer(seconds))
        #expect(try store.read()?.record.durationMilliseconds == milliseconds)
    }

    @Test("a term beyond what Kubernetes can show is kept all the same")
    func largeTerm() throws {
        _ = try store.create(held(by: "pg-0", term: .max))
        #expect(try lease()["spec"]?["leaseTransitions"] == .integer(Int64(Int32.max)))
        #expect(try store.read()?.record.term == .max)
    }

    @Test("what others put on the Lease stays: labels, annotations, owners, fields of spec")
    func othersData() throws {
        _ = try store.create(held(by: "pg-0", term: 1))
        try subject.server.edit(
            .leases, KubernetesSubject.name,
            [
                "metadata": [
                    "labels": ["team": "data"], "annotations": ["example.org/note": "mine"],
                    "ownerReferences": .array([["kind": "StatefulSet", "controller": .bool(true)]]),
                ], "spec": ["strategy": "OldestEmulationVersion"],
            ])
        let version = try #require(try store.read()?.version)
        _ = try store.replace(held(by: "pg-0", term: 1, renewal: "next"), at: version)
        let lease = try lease()
        #expect(lease.text("metadata", "labels", "team") == "data")
        #expect(lease.text("metadata", "annotations", "example.org/note") == "mine")
        #expect(lease["metadata"]?["ownerReferences"]?.array.first?["controller"] == .bool(true))
        #expect(lease.text("spec", "strategy") == "OldestEmulationVersion")
        #expect(try store.read()?.record.renewal == "next")
    }

    @Test("a change by somebody else is a conflict, like any other")
    func changedByOthers() throws {
        let version = try store.create(held(by: "pg-0", term: 1))
        try subject.server.edit(.leases, KubernetesSubject.name, ["metadata": ["labels": ["team": "data"]]])
        #expect(throws: LeaseStoreError.conflict) { try store.replace(held(by: "pg-0", term: 1), at: version) }
    }

    @Test("a Lease of another program is named with its holder and the fix, and left alone")
    func foreignLease() throws {
        try subject.server.make(.leases, KubernetesSubject.name, foreign)
        let before = try lease()
        #expect { try store.read() } throws: { error in
            guard case LeaseStoreError.invalid(let reason) = error else { return false }
            return ["'demo'", "'databases'", "'controller-0'", "lease.kubernetes.name"].allSatisfy(reason.contains)
        }
        #expect(throws: LeaseStoreError.alreadyExists) { try store.create(held(by: "pg-0", term: 1)) }
        #expect(try lease() == before)
    }

    @Test("a hand in spec changes nothing, is remarked on once, and is put right by the next write")
    func specByHand() throws {
        let remarks = Mutex<[String]>([])
        let store = subject.store(subject.server.settings) { remark in remarks.withLock { $0.append(remark) } }
        _ = try store.create(held(by: "pg-0", term: 3))
        try subject.server.edit(.leases, KubernetesSubject.name, ["spec": ["holderIdentity": "somebody"]])
        let found = try #require(try store.read())
        _ = try store.read()
        #expect(found.record == held(by: "pg-0", term: 3))
        #expect(remarks.withLock(\.count) == 1)
        #expect(remarks.withLock { $0.first?.contains("somebody") } == true)
        _ = try store.replace(held(by: "pg-0", term: 3, renewal: "next"), at: found.version)
        #expect(try lease().text("spec", "holderIdentity") == "pg-0/uid/boot")
        _ = try store.read()
        #expect(remarks.withLock(\.count) == 1)
    }

    @Test("an annotation by hand is a write like any other: it counts when it is a record, and is refused when not")
    func annotationByHand() throws {
        let version = try store.create(held(by: "pg-0", term: 1))
        let text = try #require(try lease().text("metadata", "annotations", "pgmahout.io/record"))
        let edited = text.split(separator: "\"term\":1").joined(separator: "\"term\":7")
        try annotate(edited)
        #expect(throws: LeaseStoreError.conflict) { try store.replace(held(by: "pg-0", term: 1), at: version) }
        #expect(try store.read()?.record.term == 7)
        try annotate("{}")
        #expect { try store.read() } throws: { error in
            guard case LeaseStoreError.invalid(let reason) = error else { return false }
            return reason.contains("pgmahout.io/record") && reason.contains("'demo'")
        }
        try annotate(text)
        #expect(try store.read()?.record.term == 1)
    }

    private var foreign: JSONValue {
        ["spec": ["holderIdentity": "controller-0", "leaseDurationSeconds": .integer(15)]]
    }

    private func annotate(_ text: String) throws {
        try subject.server.edit(
            .leases, KubernetesSubject.name, ["metadata": ["annotations": ["pgmahout.io/record": .string(text)]]])
    }

    private func lease() throws -> JSONValue {
        try #require(try subject.server.object(.leases, KubernetesSubject.name))
    }

    private func held(by name: MemberName?, term: UInt64, renewal: String = "first") -> ClusterRecord {
        var record = LeaseStoreConformance.record(term: term, renewal: renewal)
        record.holder = name.map { Incarnation(name: $0, podUID: "uid", bootID: "boot") }
        return record
    }
}
