import ClusterModel
import LeaseStores
import Platform
import TestSupport
import Testing

/// A record in an etcd of its own, with a proxy before it.
final class EtcdSubject: LeaseStoreSubject {
    let etcd: EtcdFixture
    let proxy: TCPProxy
    let bound: Duration
    let rounds = 4
    static let key = "/pgmahout/\(LeaseStoreConformance.cluster)/record"

    init(bound: Duration = .seconds(2)) throws {
        self.bound = bound
        etcd = try EtcdFixture()
        proxy = try TCPProxy(to: etcd.ports[0])
    }

    func settings(_ endpoints: [String]) -> EtcdSettings {
        EtcdSettings(endpoints: endpoints, key: Self.key, callTimeout: bound)
    }

    func store(_ endpoints: [String], cluster: String = LeaseStoreConformance.cluster) -> EtcdLeaseStore {
        EtcdLeaseStore(settings(endpoints), cluster: cluster)
    }

    func open() -> any LeaseStore { store(["http://127.0.0.1:\(proxy.port)"]) }
    func openDirect() -> any LeaseStore { store(etcd.urls) }
    func openForeign() -> any LeaseStore { store(etcd.urls, cluster: "another") }

    func deleteRecord() throws { try etcd.delete(Self.key) }
    func corruptRecord() throws { try etcd.put(Self.key, Array("{\"format\":1,".utf8)) }
    func putNewerRecord(format: Int) throws {
        let document = #"{"format":\#(format),"cluster":"conformance","holder":{"now":"an object"}}"#
        try etcd.put(Self.key, Array(document.utf8))
    }
    func keepCopy() throws { try etcd.keepCopy() }
    func restoreCopy() throws { try etcd.restoreCopy() }

    func loseNextReply() { proxy.loseNextReply() }
    func slow(by delay: Duration) { proxy.delay(by: delay) }
    func pause() throws { try etcd.pause() }
    func resume() { etcd.resume() }
    func disconnect() { proxy.cut() }
    func reconnect() { proxy.mend() }
}

@Suite(.ownThread) struct EtcdLeaseStoreTests {
    @Test("does what every lease store must do", arguments: LeaseStoreConformance.allCases)
    func conforms(_ check: LeaseStoreConformance) throws {
        try check.run { try EtcdSubject(bound: check.bound) }
    }

    @Test("a store that went back, and whose revision has grown past the old one since, is noticed all the same")
    func restoredAndGrown() throws {
        let subject = try EtcdSubject()
        let store = subject.openDirect()
        let first = try store.create(LeaseStoreConformance.record(term: 1))
        try subject.keepCopy()
        let second = try store.replace(LeaseStoreConformance.record(term: 2), at: first)
        try subject.restoreCopy()
        for _ in 0..<20 { try subject.etcd.put("/somebody/else", Array("x".utf8)) }
        // The store is at the first version to the letter, and this member has seen the second one.
        for version in [first, second] {
            #expect(throws: LeaseStoreError.conflict) {
                try store.replace(LeaseStoreConformance.record(term: 9), at: version)
            }
        }
        let restored = try #require(try store.read())
        #expect(restored.record.term == 1)
        #expect(restored.version != first)
        _ = try store.replace(LeaseStoreConformance.record(term: 3), at: restored.version)
        #expect(try store.read()?.record.term == 3)
    }
}
