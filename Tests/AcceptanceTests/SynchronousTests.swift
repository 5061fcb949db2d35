import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Synchronous modes")
    struct SynchronousTests {
        @Test("strict: without standbys commits wait, and go on with the first that is back")
        func strict() async throws {
            try await ClusterFixture.sharing(.strict) { cluster, primary in
                let replicas = cluster.others(than: primary)
                try primary.query("CREATE TABLE t (i int)")
                #expect(try primary.value("SHOW synchronous_standby_names") == #"ANY 1 (\#(quoted(replicas)))"#)
                for replica in replicas { try await replica.killTree() }
                #expect(throws: (any Error).self) {
                    try primary.query("INSERT INTO t VALUES (1)", within: .seconds(3))
                }
                let back = try #require(replicas.first)
                try back.start()
                try await eventually("commits go on", within: .seconds(30)) {
                    (try? primary.query("INSERT INTO t VALUES (2)", within: .seconds(2))) != nil
                }
            }
        }

        @Test("strict: after a crash of postgres clients wait until a standby has all that it had")
        func gate() async throws {
            try await ClusterFixture.sharing(.strict) { cluster, primary in
                let replicas = cluster.others(than: primary)
                try primary.query("CREATE TABLE t (i int)")
                for replica in replicas { try await replica.killTree() }
                let postmaster = try #require(primary.postmaster)
                Processes.signal(postmaster, SIGKILL)
                try await eventually("it is open again, and lets nobody in", within: .seconds(30)) {
                    primary.status()?.readyReason.contains("clients wait") == true
                }
                #expect(throws: (any Error).self) { try primary.query("SELECT 1", within: .seconds(2)) }
                try #require(replicas.first).start()
                try await eventually("clients are let in", within: .seconds(30)) {
                    (try? primary.query("SELECT 1", within: .seconds(2))) != nil
                }
                try await eventually("it is ready", within: .seconds(10)) { primary.status()?.ready == true }
            }
        }

        @Test("quorum: without standbys writes go on alone, and then nobody else takes over")
        func alone() async throws {
            try await ClusterFixture.sharing(.quorum) { cluster, primary in
                let replicas = cluster.others(than: primary)
                let writer = try ClusterWriter.start(on: primary, among: [primary])
                try await writer.more(20)
                for replica in replicas { try await replica.killTree() }
                try await eventually("the record says that nobody can win", within: .seconds(40)) {
                    guard let state = primary.cluster()?.synchronous else { return false }
                    return state.votes > state.members.count
                }
                try await writer.more(20, within: .seconds(60))
                try await primary.killTree()
                for replica in replicas { try replica.start() }
                let started = BootClock.now()
                try await eventually("three leases have passed", within: .seconds(30)) {
                    BootClock.now().since(started) > cluster.settings.lease.duration * 3
                }
                #expect(replicas.allSatisfy { $0.status()?.role != .primary })
                try primary.start()
                try #require(try await cluster.settled() === primary)
                try await writer.stop()
                try #require(try writer.missing(on: primary) == [])
            }
        }

        private func quoted(_ members: [ClusterMember]) -> String {
            members.map(\.name).sorted().map { #""\#($0)""# }.joined(separator: ", ")
        }
    }
}
