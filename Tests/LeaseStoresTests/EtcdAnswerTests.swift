import ClusterModel
import LeaseStores
import Platform
import TestSupport
import Testing

private typealias Answer = EtcdStandIn.Answer

@Suite(.ownThread) struct EtcdAnswerTests {
    @Test(
        "what cannot be an answer of etcd is invalid, with what it is and what to do", arguments: Nonsense.all.indices)
    func nonsense(_ index: Int) throws {
        let (name, answer, words) = Nonsense.all[index]
        let server = try EtcdStandIn { _ in answer }
        let store = EtcdLeaseStore(settings([server.url]), cluster: LeaseStoreConformance.cluster)
        #expect("\(name)") {
            try store.read()
        } throws: { error in
            guard case LeaseStoreError.invalid(let reason) = error else { return false }
            return (words + ["client URL of an etcd 3.4 or later"]).allSatisfy(reason.contains)
                && reason.utf8.count < 600
        }
    }

    @Test("nonsense in answer to a write says nothing about the write", arguments: Nonsense.all.indices)
    func nonsenseToWrites(_ index: Int) throws {
        let answer = Nonsense.all[index].answer
        // The question before the first write is answered as etcd would.
        let server = try EtcdStandIn { path in path == "/v3/kv/txn" ? answer : Answer(body: Nonsense.empty) }
        let store = EtcdLeaseStore(settings([server.url]), cluster: LeaseStoreConformance.cluster)
        #expect {
            try store.create(LeaseStoreConformance.record(term: 1))
        } throws: { error in
            guard case LeaseStoreError.unavailable = error else { return false }
            return true
        }
        #expect(server.paths.contains("/v3/kv/txn"))
    }

    @Test(
        "an etcd that cannot answer now is unavailable, with its own words",
        arguments: [
            Answer(
                status: 503, body: #"{"error":"etcdserver: no leader","message":"etcdserver: no leader","code":14}"#),
            Answer(status: 504, body: #"{"message":"etcdserver: request timed out","code":14}"#),
            Answer(status: 502, type: "text/html", body: "<h1>Bad Gateway</h1>"),
            Answer(body: Nonsense.record(value: "e30="), cutAfter: 50),
        ])
    fileprivate func unavailable(_ answer: Answer) throws {
        let server = try EtcdStandIn { _ in answer }
        let store = EtcdLeaseStore(settings([server.url]), cluster: LeaseStoreConformance.cluster)
        #expect {
            try store.read()
        } throws: { error in
            guard case LeaseStoreError.unavailable(let reason) = error else { return false }
            return reason.contains(server.url)
                && (answer.status == 200 || reason.contains("etcdserver: ") || reason.contains("502"))
        }
    }

    @Test("one endpoint that is something else does not disturb the others")
    func oneOfMany() throws {
        let server = try EtcdStandIn { _ in Answer(type: "text/html", body: "<html>") }
        let etcd = try EtcdFixture()
        let store = EtcdLeaseStore(settings([server.url, etcd.url]), cluster: LeaseStoreConformance.cluster)
        let version = try store.create(LeaseStoreConformance.record(term: 1))
        #expect(try store.read()?.version == version)
        #expect(server.paths.count == 1)
    }

    @Test("without an endpoint there is no store")
    func noEndpoint() {
        let store = EtcdLeaseStore(settings([]), cluster: LeaseStoreConformance.cluster)
        #expect(throws: LeaseStoreError.unavailable("there is no etcd endpoint")) { try store.read() }
    }

    private func settings(_ endpoints: [String]) -> EtcdSettings {
        EtcdSettings(endpoints: endpoints, key: EtcdSubject.key, callTimeout: .seconds(20))
    }
}

private enum Nonsense {
    /// What something else than etcd, or an etcd that is broken, may say to a question; and what the message must name.
    static let all: [(name: String, answer: Answer, words: [String])] = [
        ("a page", Answer(type: "text/html", body: "<html>Welcome!</html>"), ["text/html", "<html>"]),
        ("a page that is not found", Answer(status: 404, type: "text/html", body: "<h1>404</h1>"), ["status 404"]),
        ("a redirect", Answer(status: 302, type: "text/html", body: ""), ["status 302"]),
        ("nothing", Answer(body: ""), ["/v3/kv/range"]),
        ("an empty object", Answer(body: "{}"), ["/v3/kv/range"]),
        ("half of an answer", Answer(body: String(record(value: "e30=").prefix(90))), ["/v3/kv/range"]),
        ("a header without numbers", Answer(body: #"{"header":{"cluster_id":"x","revision":"y"}}"#), ["header"]),
        ("no base64", Answer(body: record(value: "{}!")), ["base64", "/pgmahout/conformance/record"]),
        ("revisions that are none", Answer(body: record(value: "e30=", revision: "-x")), ["'-x'"]),
        ("too much", Answer(body: record(value: String(repeating: "A", count: 3 << 20))), ["too large"]),
    ]

    static let header = #""header":{"cluster_id":"11","member_id":"2","revision":"7","raft_term":"2"}"#
    static let empty = "{\(header)}"

    static func record(value: String, revision: String = "7") -> String {
        """
        {\(header),"kvs":[{"key":"aw==","create_revision":"\(revision)","mod_revision":"7","version":"1",\
        "value":"\(value)"}],"count":"1"}
        """
    }
}
