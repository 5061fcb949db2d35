import ClusterModel
import Kubernetes
import LeaseStores
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.ownThread) struct KubernetesLeaseStoreTests {
    @Test("does what every lease store must do", arguments: LeaseStoreConformance.allCases)
    func conforms(_ check: LeaseStoreConformance) throws {
        try check.run { try KubernetesSubject() }
    }

    @Test("a reply of 504 is unavailability, and the write may be there")
    func appliedAndTimedOut() throws {
        let (subject, store) = try opened()
        let version = try store.create(record(1))
        try subject.server.fault("apply-504", verb: "update", count: 1)
        expectUnavailable(saying: "504") { try store.replace(record(2), at: version) }
        #expect(try store.read()?.record.term == 2)
    }

    @Test("while etcd hangs nothing lasts longer than its bound, and a write may be applied afterwards")
    func hangingStorage() throws {
        let (subject, store) = try opened()
        let version = try store.create(record(1))
        try subject.server.order("hang-etcd")
        expectUnavailable { try store.read() }
        expectUnavailable { try store.replace(record(2), at: version) }
        try subject.server.order("resume-etcd")
        try eventuallyBlocking("the write is applied") { try store.read()?.record.term == 2 }
    }

    @Test("a write whose request was sent twice by somebody on the way succeeds, and is not taken for a conflict")
    func sentTwice() throws {
        let (subject, store) = try opened()
        try subject.server.fault("apply-twice", verb: "write", count: 2)
        let version = try store.create(record(1))
        #expect(try store.read()?.version == version)
        let next = try store.replace(record(2), at: version)
        #expect(try store.read()?.version == next)
        #expect(try store.read()?.record.term == 2)
    }

    @Test("a 409 for a Lease that nobody changed is tried once more, and is no conflict if it stays")
    func spuriousConflict() throws {
        let (subject, store) = try opened()
        let version = try store.create(record(1))
        try subject.server.fault("status", verb: "update", count: 1, status: 409)
        let next = try store.replace(record(2), at: version)
        try subject.server.fault("status", verb: "update", status: 409)
        expectUnavailable(saying: "409") { try store.replace(record(3), at: next) }
        try subject.server.heal()
        _ = try store.replace(record(3), at: next)
    }

    @Test("an error of the server is unavailability, with its code, and passes", arguments: [401, 403, 429, 500, 503])
    func serverErrors(_ status: Int) throws {
        let (subject, store) = try opened()
        let version = try store.create(record(1))
        try subject.server.fault("status", status: Int64(status))
        expectUnavailable(saying: "\(status)") { try store.read() }
        expectUnavailable(saying: "\(status)") { try store.replace(record(2), at: version) }
        let isDenied: Bool
        do throws(LeaseStoreError) {
            _ = try store.read()
            isDenied = false
        } catch {
            isDenied = if case .denied = error { true } else { false }
        }
        #expect(isDenied == [401, 403].contains(status))
        try subject.server.heal()
        _ = try store.replace(record(2), at: version)
    }

    @Test("what is no answer of Kubernetes is neither a record nor the absence of one", arguments: [200, 404, 409])
    func nonsense(_ status: Int) throws {
        let (subject, store) = try opened()
        let version = try store.create(record(1))
        try subject.server.fault("body", status: Int64(status), body: "<html>it works</html>")
        expectUnavailable { try store.read() }
        expectUnavailable { try store.create(record(2)) }
        expectUnavailable { try store.replace(record(2), at: version) }
        try subject.server.heal()
        #expect(try store.read()?.record.term == 1)
    }

    @Test("an address that leads elsewhere, and a namespace that is not there, are not taken for an empty store")
    func wrongPlace() throws {
        let subject = try KubernetesSubject()
        var settings = subject.server.settings
        settings.url += "/elsewhere"
        expectUnavailable(saying: "is it a Kubernetes API server") { try subject.store(settings).read() }
        let missing = #"{"kind":"Status","reason":"NotFound","details":{"name":"databases","kind":"namespaces"}}"#
        try subject.server.fault("body", status: 404, body: missing)
        expectUnavailable(saying: "there is no namespace 'databases'") {
            try subject.open().create(record(1))
        }
    }

    @Test("writes keep their connection")
    func keepAlive() throws {
        let (subject, store) = try opened()
        var version = try store.create(record(0))
        let before = try subject.server.connectionsAccepted()
        for term in 1...50 {
            version = try store.replace(record(UInt64(term)), at: version)
            _ = try store.read()
        }
        #expect(try subject.server.connectionsAccepted() == before)
    }

    @Test("a renewal is one call: the Lease is not read again for it")
    func oneCall() throws {
        let (subject, store) = try opened()
        let version = try store.create(record(0))
        let before = try subject.server.log().count
        _ = try store.replace(record(1), at: version)
        #expect(try subject.server.log().dropFirst(before).compactMap { $0.text("verb") } == ["update"])
    }

    @Test("reads ask for the newest state, not for what a cache has")
    func linearizableReads() throws {
        let (subject, store) = try opened()
        _ = try store.create(record(1))
        _ = try store.read()
        let reads = try subject.server.log().filter { $0.text("verb") == "get" }
        #expect(!reads.isEmpty)
        #expect(reads.allSatisfy { $0.text("path")?.contains("resourceVersion") == false })
    }

    @Test("the lease goes on while the endpoints of pods and events hang")
    func independence() async throws {
        let (subject, store) = try opened()
        try subject.server.order("pod", ["name": "pg-0"])
        try subject.server.fault("hang", resource: .pods)
        try subject.server.fault("hang", resource: .events)
        let api = KubernetesAPI(subject.server.settings)
        defer { api.stop() }
        let labels = try PodLabels(api, PodLabelSettings(pod: "pg-0"))
        let events = try KubernetesEvents(api, pod: "pg-0", podUID: nil)
        labels.set(.primary)
        events.post(reason: "FailoverCompleted", message: "pg-0 leads")
        let calls = try await eventualValue("both hang") {
            let calls = try subject.server.rightsUsed()
            return calls.contains { $0.resource == "events" } && calls.contains { $0.verb == "patch" } ? calls : nil
        }
        #expect(!calls.contains { !$0.isAllowed })
        var version = try store.create(record(0))
        for term in 1...100 { version = try store.replace(record(UInt64(term)), at: version) }
        #expect(try store.read()?.record.term == 100)
        #expect(labels.state.applied == nil)
        #expect(events.state.written == 0)
    }

    @Test("a record that has outgrown a Lease is refused before it is sent")
    func tooLarge() throws {
        let (subject, store) = try opened()
        let version = try store.create(record(1))
        #expect {
            try store.replace(record(2, renewal: String(repeating: "x", count: 300 << 10)), at: version)
        } throws: { "\($0)".contains("remove members that are gone") }
        #expect(try subject.open().read()?.record.term == 1)
    }

    private func opened() throws -> (KubernetesSubject, KubernetesLeaseStore) {
        let subject = try KubernetesSubject()
        return (subject, subject.store(subject.server.settings))
    }
}

private func record(_ term: UInt64, renewal: String = "") -> ClusterRecord {
    LeaseStoreConformance.record(term: term, renewal: renewal)
}

private func expectUnavailable<Result>(
    saying text: String = "", _ body: () throws -> Result, at location: SourceLocation = #_sourceLocation
) {
    #expect(sourceLocation: location) { _ = try body() } throws: { error in
        guard let error = error as? LeaseStoreError, error.isDoubtful else { return false }
        return text.isEmpty || error.description.contains(text)
    }
}
