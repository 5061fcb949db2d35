import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Consent")
    struct ConsentTests {
        @Test("of all lets a primary go on without the store: writes go on, and nobody takes over")
        func outage() async throws {
            try await ClusterFixture.sharing(.off) { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(20)
                let term = try #require(primary.status()?.term)
                try cluster.hideStore()
                try await eventually("five rounds were granted", within: .seconds(30)) {
                    (primary.metric(#"pgmahout_consent_rounds_total{result="granted"}"#) ?? 0) >= 5
                }
                // Longer than the lease: without consent it would be over.
                let hidden = BootClock.now()
                try await eventually("three leases have passed", within: .seconds(30)) {
                    BootClock.now().since(hidden) > cluster.settings.lease.duration * 3
                }
                try await writer.more(20)
                #expect(primary.status()?.role == .primary)
                try cluster.showStore()
                try await eventually("it renews again", within: .seconds(20)) {
                    primary.logs("asks other members")
                        && (replicas(cluster, primary).allSatisfy { $0.status()?.renewal == primary.status()?.renewal })
                }
                try #require(try await cluster.settled() === primary)
                try await writer.more(20)
                try await writer.stop()
                #expect(primary.status()?.term == term)
                #expect(primary.metric("pgmahout_fence_total") == 0)
                try #require(try writer.missing(on: primary) == [])
            }
        }

        @Test("that one member does not give ends in a fence while the store is away, and in one primary afterwards")
        func refusal() async throws {
            try await ClusterFixture.sharing(.off) { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(20)
                let lost = try #require(cluster.others(than: primary).first)
                try await lost.killTree()
                try cluster.hideStore()
                try await eventually("it stops itself", within: .seconds(20)) {
                    primary.metric("pgmahout_fence_total") == 1
                }
                #expect(cluster.members.allSatisfy { $0.status()?.role != .primary })
                try cluster.showStore()
                try lost.start()
                let next = try await cluster.settled()
                try await writer.more(20)
                try await writer.stop()
                try #require(try writer.missing(on: next) == [])
            }
        }

        @Test("of so many that nobody can win without them is enough in quorum mode")
        func quorum() async throws {
            try await ClusterFixture.sharing(.quorum) { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(20)
                let lost = try #require(cluster.others(than: primary).first)
                try await lost.killTree()
                try cluster.hideStore()
                let hidden = BootClock.now()
                try await eventually("two leases have passed", within: .seconds(30)) {
                    BootClock.now().since(hidden) > cluster.settings.lease.duration * 2
                }
                try await writer.more(20)
                #expect(primary.metric("pgmahout_fence_total") == 0)
                try cluster.showStore()
                try lost.start()
                try #require(try await cluster.settled() === primary)
                try await writer.stop()
                try #require(try writer.missing(on: primary) == [])
            }
        }

        private func replicas(_ cluster: ClusterFixture, _ primary: ClusterMember) -> [ClusterMember] {
            cluster.others(than: primary)
        }
    }
}
