import ClusterModel
import Kubernetes
import Platform
import Synchronization
import TestSupport
import Testing

@Suite(.ownThread) struct KubernetesWatchTests {
    @Test("begins with the object as it is, and tells of every change until it stops")
    func changes() async throws {
        let server = try KubernetesServer()
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "a"]])
        try server.make(.leases, "another", ["spec": ["holderIdentity": "z"]])
        let watched = try Watched(server)
        try await watched.sees("connected", "a")
        try await watched.edit("b")
        try await watched.edit("c")
        try server.edit(.leases, "another", ["spec": ["holderIdentity": "y"]])
        try server.delete(.leases, "demo")
        try await watched.sees("connected", "a", "b", "c", "deleted")
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "d"]])
        try await watched.sees("connected", "a", "b", "c", "deleted", "d")
        watched.watch.stop()
        try await eventually("the connection is closed") { try server.openConnections() == 0 }
        try server.edit(.leases, "demo", ["spec": ["holderIdentity": "e"]])
        #expect(watched.seen.last == "d")
    }

    @Test("after an interruption it goes on where it was, and misses nothing")
    func resumed() async throws {
        let server = try KubernetesServer()
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "a"]])
        let watched = try Watched(server)
        try await watched.sees("connected", "a")
        try server.order("disconnect")
        try server.edit(.leases, "demo", ["spec": ["holderIdentity": "b"]])
        try server.edit(.leases, "demo", ["spec": ["holderIdentity": "c"]])
        try server.order("reconnect")
        try await watched.sees("connected", "a", "connected", "b", "c")
        let counters = watched.watch.counters
        #expect(counters.begun == 1 && counters.resumed == 1 && counters.expirations == 0)
        #expect(counters.lastError != nil)
    }

    @Test(
        "a 410 inside a 200 makes it begin anew, while it runs and after a restart of the server",
        arguments: ["expire-watches", "restart"])
    func expired(_ trouble: String) async throws {
        let server = try KubernetesServer()
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "a"]])
        let watched = try Watched(server)
        try await watched.sees("connected", "a")
        try server.order(trouble)
        try await eventually("it has begun anew") { watched.watch.counters.begun == 2 }
        #expect(watched.watch.counters.expirations == 1)
        try await watched.edit("b")
    }

    @Test("bookmarks carry it over a compaction of everything that it was not told of")
    func bookmarks() async throws {
        let server = try KubernetesServer(bookmarkSeconds: 0.05)
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "a"]])
        let watched = try Watched(server)
        try await watched.sees("connected", "a")
        for index in 0..<10 { try server.make(.leases, "other-\(index)", [:]) }
        let before = watched.watch.counters.bookmarks
        try await eventually("bookmarks come in") { watched.watch.counters.bookmarks >= before + 2 }
        try server.order("compact")
        try server.order("disconnect")
        try server.order("reconnect")
        try await eventually("it has resumed") { watched.watch.counters.resumed == 1 }
        #expect(watched.watch.counters.expirations == 0)
        try await watched.edit("b")
    }

    @Test("a server that went back to older data is found out at the end of a watch")
    func rolledBack() async throws {
        let server = try KubernetesServer()
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "a"]])
        try server.order("snapshot")
        for index in 0..<20 { try server.make(.leases, "other-\(index)", [:]) }
        var timing = KubernetesWatch.Timing()
        timing.lifetime = .seconds(1)
        let watched = try Watched(server, timing)
        try server.edit(.leases, "demo", ["spec": ["holderIdentity": "b"]])
        try await watched.sees { $0.last == "b" }
        try server.order("roll-back")
        try server.edit(.leases, "demo", ["spec": ["holderIdentity": "c"]])
        // It comes back with a version that is not there yet, hears nothing, and ends.
        try await watched.sees { $0.last == "c" }
    }

    @Test("a silent connection is given up")
    func silence() async throws {
        let server = try KubernetesServer()
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "a"]])
        var timing = KubernetesWatch.Timing()
        timing.silence = .milliseconds(300)
        let watched = try Watched(server, timing)
        try await eventually("it comes back") { watched.watch.counters.resumed >= 2 }
        try await watched.edit("b")
    }

    @Test("what is no watch of Kubernetes is reported, and survived")
    func nonsense() async throws {
        let server = try KubernetesServer()
        try server.make(.leases, "demo", ["spec": ["holderIdentity": "a"]])
        try server.fault("body", verb: "watch", count: 1, body: "<html>\n")
        try server.fault("body", verb: "watch", count: 1, body: #"{"type":"ERROR","object":{"code":500}}"# + "\n")
        try server.fault("status", verb: "watch", count: 1, status: 403)
        let watched = try Watched(server)
        try await watched.sees { $0.last == "a" }
        #expect(watched.watch.counters.lastError?.contains("add the verb 'watch'") == true)
        try await watched.edit("b")
    }

    @Test("it ends with whoever holds it")
    func released() async throws {
        let server = try KubernetesServer()
        try server.make(.leases, "demo", [:])
        var watched: Watched? = try Watched(server)
        try await watched?.sees { !$0.isEmpty }
        watched = nil
        try await eventually("the connection is closed") { try server.openConnections() == 0 }
    }
}

/// A watch of the Lease `demo` and what it told.
private final class Watched: Sendable {
    let watch: KubernetesWatch
    private let server: KubernetesServer
    private let api: KubernetesAPI
    private let changes: Changes

    init(_ server: KubernetesServer, _ timing: KubernetesWatch.Timing = .init()) throws {
        self.server = server
        api = KubernetesAPI(server.settings)
        let changes = Changes()
        self.changes = changes
        watch = try KubernetesWatch(api, .leases, name: "demo", timing: timing) { change in
            changes.list.withLock { list in
                switch change {
                case .connected: list.append("connected")
                case .changed(let lease): list.append(lease.text("spec", "holderIdentity") ?? "")
                case .deleted: list.append("deleted")
                }
            }
        }
    }

    var seen: [String] { changes.list.withLock { $0 } }

    func sees(_ wanted: String...) async throws {
        try await sees { $0 == wanted }
    }

    func sees(_ condition: ([String]) -> Bool) async throws {
        do { try await eventually("the watch sees it") { condition(seen) } } catch {
            Issue.record("seen so far: \(seen), \(watch.counters)")
            throw error
        }
    }

    /// Changes the holder and waits until the watch tells.
    func edit(_ holder: String) async throws {
        try server.edit(.leases, "demo", ["spec": ["holderIdentity": .string(holder)]])
        try await sees { $0.last == holder }
    }

    private final class Changes: Sendable {
        let list = Mutex<[String]>([])
    }
}
