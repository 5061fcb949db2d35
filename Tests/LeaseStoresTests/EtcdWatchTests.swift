import ClusterModel
import Glibc
import LeaseStores
import Platform
import TestSupport
import Testing

@testable import LeaseStores

@Suite(.ownThread) struct EtcdWatchTests {
    @Test("a watch survives compaction and a store that went back while it was cut off")
    func compactedAndRestored() async throws {
        let subject = try EtcdSubject()
        let (store, other) = (subject.open(), subject.openDirect())
        var version = try other.create(record(1))
        try subject.keepCopy()
        let hints = try Hints(store)
        for term in 2...4 { version = try other.replace(record(UInt64(term)), at: version) }
        try await hints.some()

        subject.disconnect()
        for term in 5...7 { version = try other.replace(record(UInt64(term)), at: version) }
        try subject.etcd.compact()
        try await hints.quiet()
        subject.reconnect()
        try await hints.some()

        subject.disconnect()
        try subject.restoreCopy()
        try await hints.quiet()
        subject.reconnect()
        try await hints.some()
        try await hints.quiet()
        let restored = try #require(try other.read())
        #expect(restored.record.term == 1)
        _ = try other.replace(record(20), at: restored.version)
        try await hints.some()
    }

    @Test("a watch that brings nothing for too long moves on to another endpoint")
    func silent() async throws {
        let etcd = try EtcdFixture()
        let proxy = try TCPProxy(to: etcd.ports[0])
        var settings = EtcdSettings(
            endpoints: ["http://127.0.0.1:\(proxy.port)"] + etcd.urls, key: EtcdSubject.key, callTimeout: .seconds(2),
            watchSilence: .milliseconds(500))
        let store = EtcdLeaseStore(settings, cluster: LeaseStoreConformance.cluster)
        settings.endpoints = etcd.urls
        let other = EtcdLeaseStore(settings, cluster: LeaseStoreConformance.cluster)
        let version = try store.create(record(1))
        let hints = try Hints(store)
        try await hints.some()
        proxy.pause()
        _ = try other.replace(record(2), at: version)
        try await hints.some()
        proxy.resume()
    }

    @Test(
        "a watch that etcd cancels, or answers with an error, is begun anew, though the connection stays open",
        arguments: [
            #"{"result":{"header":{"revision":"9"},"canceled":true,"compact_revision":"5"}}"#,
            #"{"result":{"created":true,"canceled":true,"cancel_reason":"permission denied"}}"#,
            #"{"error":{"grpc_code":14,"http_code":503,"message":"etcdserver: no leader"}}"#,
        ])
    func cancelled(_ line: String) async throws {
        let server = try EtcdStandIn { _ in EtcdStandIn.Answer(body: line + "\n", isEndless: true) }
        let store = EtcdLeaseStore(
            EtcdSettings(endpoints: [server.url], key: EtcdSubject.key), cluster: LeaseStoreConformance.cluster)
        let watch = try store.watch {}
        try await eventually("it is asked for once more") { server.paths.count >= 3 }
        #expect(Set(server.paths) == ["/v3/watch"])
        watch.stop()
    }

    @Test("a watch that is stopped, or that nobody holds, ends its thread and its connection")
    func ends() async throws {
        let etcd = try EtcdFixture()
        let proxy = try TCPProxy(to: etcd.ports[0])
        let store = EtcdLeaseStore(
            EtcdSettings(endpoints: ["http://127.0.0.1:\(proxy.port)"], key: EtcdSubject.key),
            cluster: LeaseStoreConformance.cluster)
        let before = try threads()
        var hints: Hints? = try Hints(store)
        try await hints?.some()
        #expect(proxy.open == 1)
        hints = nil
        try await eventually("the connection is closed") { proxy.open == 0 }
        try await eventually("the thread ends") { try threads() <= before }
    }

    @Test("lines are put together from pieces of any size, and one that is too long is dropped alone")
    func lines() {
        let text = Array("one\ntwo\n\nthree\n".utf8)
        for size in 1...text.count {
            var splitter = LineSplitter(limit: 10)
            var lines: [String] = []
            for start in stride(from: 0, to: text.count, by: size) {
                let piece = Array(text[start..<min(start + size, text.count)])
                lines += splitter.take(piece).map { String(decoding: $0, as: UTF8.self) }
            }
            #expect(lines == ["one", "two", "", "three"])
        }
        var splitter = LineSplitter(limit: 4)
        #expect(splitter.take(Array("12345".utf8)).isEmpty)
        #expect(splitter.take(Array("6789\nok\nno".utf8)) == [Array("ok".utf8)])
        #expect(splitter.take(Array("w\n".utf8)) == [Array("now".utf8)])
    }

    private func threads() throws -> Int {
        try Files.list("/proc/self/task").count { task in
            (try? Files.readText("/proc/self/task/\(task)/comm")) == "lease-watch\n"
        }
    }
}

/// What a watch says.
private final class Hints: Sendable {
    private let changes: Mailbox<Void>
    private let watch: any LeaseWatch

    init(_ store: any LeaseStore) throws {
        let changes = try Mailbox<Void>(capacity: 1000)
        self.changes = changes
        watch = try store.watch { changes.post(()) }
    }

    func some() async throws { try await eventually("a hint") { !changes.drain().isEmpty } }

    /// Until nothing more is on its way.
    func quiet() async throws {
        while !Poll.wait([changes.wakeDescriptor], until: BootClock.now() + .milliseconds(300)).isEmpty {
            _ = changes.drain()
        }
    }
}

private func record(_ term: UInt64) -> ClusterRecord { LeaseStoreConformance.record(term: term) }
