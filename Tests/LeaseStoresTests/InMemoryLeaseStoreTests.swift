import ClusterModel
import LeaseStores
import Synchronization
import TestSupport
import Testing

/// The store that other tests rely on keeps the same contract as the real ones.
private final class MemorySubject: LeaseStoreSubject {
    let bound: Duration
    private let store: InMemoryLeaseStore
    private let copy = Mutex<[UInt8]?>(nil)

    init(bound: Duration) throws {
        self.bound = bound
        store = try InMemoryLeaseStore(cluster: LeaseStoreConformance.cluster, bound: bound)
    }

    func open() -> any LeaseStore { store }
    func openDirect() -> any LeaseStore { store.openedApart() }
    func openForeign() -> any LeaseStore { store.opened(by: "another") }

    func deleteRecord() { store.set(document: nil) }
    func corruptRecord() { store.set(document: Array("{\"format\":1,".utf8)) }
    func putNewerRecord(format: Int) {
        store.set(document: Array(#"{"format":\#(format),"cluster":"conformance","holder":{"now":"an object"}}"#.utf8))
    }
    func keepCopy() { copy.withLock { $0 = store.document } }
    func restoreCopy() { store.set(document: copy.withLock { $0 }) }

    func loseNextReply() { store.setFault(.nextAnswerLost) }
    func slow(by delay: Duration) { store.setDelay(delay) }
    func pause() { store.setPaused(true) }
    func resume() { store.setPaused(false) }
    func disconnect() { store.setFault(.unreachable) }
    func reconnect() { store.setFault(nil) }
}

@Suite(.ownThread) struct InMemoryLeaseStoreTests {
    @Test("does what every lease store must do", arguments: LeaseStoreConformance.allCases)
    func conforms(_ check: LeaseStoreConformance) throws {
        try check.run { try MemorySubject(bound: check.bound) }
    }

    @Test("a lost answer leaves the write in place")
    func lostAnswer() throws {
        let store = try InMemoryLeaseStore(cluster: LeaseStoreConformance.cluster)
        store.setFault(.answersLost)
        #expect(throws: LeaseStoreError.self) { try store.create(LeaseStoreConformance.record(term: 1)) }
        store.setFault(nil)
        #expect(try store.read()?.record.term == 1)
    }

    @Test("while it is unreachable nothing gets through")
    func unreachable() throws {
        let store = try InMemoryLeaseStore(cluster: LeaseStoreConformance.cluster)
        store.setFault(.unreachable)
        #expect(throws: LeaseStoreError.self) { try store.create(LeaseStoreConformance.record(term: 1)) }
        #expect(throws: LeaseStoreError.self) { try store.read() }
        store.setFault(nil)
        #expect(try store.read() == nil)
    }
}
