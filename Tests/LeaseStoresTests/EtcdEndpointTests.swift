import ClusterModel
import Glibc
import LeaseStores
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.ownThread) struct EtcdEndpointTests {
    @Test("an endpoint where nobody listens is passed over, and left alone once another one has answered")
    func dead() throws {
        let etcd = try EtcdFixture()
        let (dead, alive) = (try TCPProxy(to: try FreePort.take()), try TCPProxy(to: etcd.ports[0]))
        let store = store([dead, alive])
        var version = try store.create(record(1))
        let tried = dead.accepted
        #expect(tried > 0)
        for term in 2...5 { version = try store.replace(record(term), at: version) }
        #expect(try store.read()?.version == version)
        #expect(dead.accepted == tried, "an endpoint that does not work is asked again and again")
        #expect(alive.accepted == 1, "a connection that works is not used again")
    }

    @Test("a cluster that loses a member, be it its leader, is read and written all the time")
    func lostMember() throws {
        let etcd = try EtcdFixture(members: 3)
        let store = EtcdLeaseStore(
            EtcdSettings(endpoints: etcd.urls, key: EtcdSubject.key, callTimeout: .seconds(5)),
            cluster: LeaseStoreConformance.cluster)
        var version = try store.create(record(1))
        for member in 0..<3 {
            try etcd.kill(member)
            version = try replaceWhatIsThere(store, term: 10 + member)
            #expect(try store.read()?.version == version)
            try etcd.start(member)
        }
        #expect(try store.read()?.record.term == 12)
    }

    @Test("a member that stands still costs its share of a call, and the call succeeds by another one")
    func frozenMember() throws {
        let etcd = try EtcdFixture(members: 3)
        // The frozen one is asked first.
        let store = EtcdLeaseStore(
            EtcdSettings(endpoints: etcd.urls, key: EtcdSubject.key, callTimeout: .seconds(3)),
            cluster: LeaseStoreConformance.cluster)
        let version = try store.create(record(1))
        try etcd.pause(0)
        // Others may have to elect a leader first.
        let next = try replaceWhatIsThere(store, term: 2)
        #expect(next != version)
        #expect(try store.read()?.record.term == 2)
        etcd.resume(0)
    }

    @Test("a member that has lost the others neither reads nor writes, and says so within the bound")
    func minority() async throws {
        let etcd = try EtcdFixture(members: 3)
        let store = EtcdLeaseStore(
            EtcdSettings(endpoints: [etcd.url], key: EtcdSubject.key, callTimeout: .milliseconds(500)),
            cluster: LeaseStoreConformance.cluster)
        let version = try store.create(record(1))
        try etcd.pause(1)
        try etcd.pause(2)
        #expect { try store.read() } throws: { isUnavailable($0) }
        #expect { try store.replace(record(2), at: version) } throws: { isUnavailable($0) }
        etcd.resume(1)
        etcd.resume(2)
        try eventuallyBlocking("the cluster answers again") { (try? store.read()) != nil }
    }

    @Test("a write whose reply was lost is settled by another endpoint: it happened once, and is a success")
    func settled() throws {
        let etcd = try EtcdFixture()
        let (first, second) = (try TCPProxy(to: etcd.ports[0]), try TCPProxy(to: etcd.ports[0]))
        let store = store([first, second])
        let version = try store.create(record(1))
        first.loseNextReply()
        let next = try store.replace(record(2), at: version)
        #expect(first.repliesLost == 1)
        #expect(second.accepted == 1)
        let current = try #require(try store.read())
        #expect(current.version == next && current.record.term == 2)
    }

    @Test("a write whose reply was lost and that somebody has replaced since is in doubt, and no conflict")
    func superseded() async throws {
        let etcd = try EtcdFixture()
        let (first, second) = (try TCPProxy(to: etcd.ports[0]), try TCPProxy(to: etcd.ports[0]))
        let (store, other) = (store([first, second]), EtcdLeaseStore(settings(etcd.urls), cluster: cluster))
        let version = try store.create(record(1))
        first.loseNextReply()
        second.pause()
        let outcome = Mutex<Result<RecordVersion, LeaseStoreError>?>(nil)
        try WorkerThread(name: "writer").submit {
            do throws(LeaseStoreError) {
                let next = try store.replace(record(2), at: version)
                outcome.withLock { $0 = .success(next) }
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
        }
        try await eventually("the second endpoint is asked") { second.accepted > 0 && first.repliesLost == 1 }
        let applied = try #require(try other.read())
        #expect(applied.record.term == 2)
        _ = try other.replace(record(3), at: applied.version)
        second.resume()
        let result = try await eventualValue("the write ends") { outcome.withLock { $0 } }
        guard case .failure(.unavailable) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(try store.read()?.record.term == 3)
    }

    @Test("an endpoint of another etcd cluster is never used, be it the only one left")
    func twoClusters() throws {
        let (ours, theirs) = (try EtcdFixture(), try EtcdFixture())
        let store = EtcdLeaseStore(settings([ours.url, theirs.url]), cluster: cluster)
        _ = try store.create(record(1))
        try ours.kill()
        for body in [{ _ = try store.read() }, { _ = try store.create(record(2)) }] {
            #expect {
                try body()
            } throws: { error in
                isUnavailable(error) && "\(error)".contains("must be of one cluster") && "\(error)".contains(theirs.url)
            }
        }
        let stranger = EtcdLeaseStore(settings([theirs.url]), cluster: cluster)
        #expect(try stranger.read() == nil, "a record was written to another cluster")
        try ours.start()
        #expect(try store.read()?.record.term == 1)
    }

    @Test("an etcd that was set up anew is used after a while, and nothing from before is overwritten in it")
    func replaced() throws {
        let (before, after) = (try EtcdFixture(), try EtcdFixture())
        let proxy = try TCPProxy(to: before.ports[0])
        let store = store([proxy])
        let version = try store.create(record(1))
        let others = EtcdLeaseStore(settings([after.url]), cluster: cluster)
        let theirs = try others.create(record(7))
        proxy.cut()
        proxy.lead(to: after.ports[0])
        proxy.mend()
        #expect { try store.replace(record(2), at: version) } throws: { isUnavailable($0) }
        try eventuallyBlocking("the new one is used") { (try? store.read()?.record.term) == 7 }
        #expect(throws: LeaseStoreError.conflict) { try store.replace(record(2), at: version) }
        #expect(try others.read()?.version == theirs)
    }

    private let cluster = LeaseStoreConformance.cluster

    private func settings(_ endpoints: [String]) -> EtcdSettings {
        EtcdSettings(endpoints: endpoints, key: EtcdSubject.key, callTimeout: .seconds(5))
    }

    private func store(_ proxies: [TCPProxy]) -> EtcdLeaseStore {
        EtcdLeaseStore(settings(proxies.map { "http://127.0.0.1:\($0.port)" }), cluster: cluster)
    }

    /// For as long as the store may not know: a write in doubt is looked at, as members do.
    private func replaceWhatIsThere(_ store: EtcdLeaseStore, term: Int) throws -> RecordVersion {
        try eventualValueBlocking("a write succeeds") {
            guard let current = try? store.read() else { return nil }
            return try? store.replace(record(term), at: current.version)
        }
    }

    private func eventualValueBlocking<Value>(_ what: String, _ value: () -> Value?) throws -> Value {
        var result: Value?
        try eventuallyBlocking(what, within: .seconds(20)) {
            result = value()
            return result != nil
        }
        return try #require(result)
    }
}

private func record(_ term: Int) -> ClusterRecord {
    LeaseStoreConformance.record(term: UInt64(term), renewal: "\(term)")
}

private func isUnavailable(_ error: any Error) -> Bool {
    (error as? LeaseStoreError)?.isDoubtful ?? false
}
