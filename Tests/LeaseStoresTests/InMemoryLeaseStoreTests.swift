import ClusterModel
import LeaseStores
import Synchronization
import TestSupport
import Testing

/// The store that other tests rely on keeps the same contract as the real ones.
private final class MemorySubject: LeaseStoreSubject {
    private let store: InMemoryLeaseStore
    private let copy = Mutex<ClusterRecord?>(nil)

    init() throws { store = try InMemoryLeaseStore(cluster: LeaseStoreConformance.cluster) }

    func open() -> any LeaseStore { store }
    func openForeign() throws -> any LeaseStore { store.opened(by: "another") }
    func deleteRecord() { store.set(nil) }
    func corruptRecord() { store.damage("damaged by the test") }
    func keepCopy() { copy.withLock { $0 = store.record } }
    func restoreCopy() { store.set(copy.withLock { $0 }) }
}

@Suite(.ownThread) struct InMemoryLeaseStoreTests {
    @Test("does what every lease store must do", arguments: LeaseStoreConformance.allCases)
    func conforms(_ check: LeaseStoreConformance) throws {
        try check.run { try MemorySubject() }
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
