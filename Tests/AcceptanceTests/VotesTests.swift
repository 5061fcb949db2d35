import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Votes")
    struct VotesTests {
        @Test("replace a lost primary before its lease has run out, and no acknowledged row is lost")
        func lostPrimary() async throws {
            try await ClusterFixture.sharing(.quorum, lease: .defaults) { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(50)
                try await primary.killTree()
                let rest = cluster.others(than: primary)
                let next = try await cluster.primary(among: rest)
                #expect(next.metric(#"pgmahout_takeovers_total{kind="votes"}"#) == 1)
                try await writer.more(20)
                try primary.start()
                try #require(try await cluster.settled() === next)
                try await writer.more(20)
                try await writer.stop()
                try #require(try writer.missing(on: next) == [])
                #expect(next.cluster()?.lastTransition?.kind == .failover)
            }
        }

        @Test("take new timelines, one after the other, when primaries are lost in a row")
        func inARow() async throws {
            try await ClusterFixture.sharing(.quorum) { cluster, first in
                var primary = first
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                var timelines: [TimelineID] = []
                for _ in 0..<3 {
                    try await writer.more(20)
                    try await primary.killTree()
                    let next = try await cluster.primary(among: cluster.others(than: primary))
                    try primary.start()
                    try #require(try await cluster.settled() === next)
                    try await ClusterFixture.synchronous(cluster, next, members: 2)
                    primary = next
                    timelines.append(try #require(primary.status()?.timeline))
                }
                try await writer.stop()
                try #require(try writer.missing(on: primary) == [])
                #expect(timelines == timelines.sorted() && Set(timelines).count == 3)
            }
        }

        @Test("are cast at once by a standby that has just been restarted: it knows what it has promised")
        func restarted() async throws {
            var lease = ClusterSettings.Lease.defaults
            lease.duration = .seconds(12)
            lease.giveUpAfter = .seconds(9)
            try await ClusterFixture.sharing(.quorum, lease: lease) { cluster, primary in
                let voter = try #require(cluster.others(than: primary).first)
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(20)
                // Longer than D after the first start: only the restart could make anybody wait.
                let begun = BootClock.now()
                try await eventually("a lease has passed", within: .seconds(60)) {
                    BootClock.now().since(begun) > lease.duration
                }
                try await voter.killTree()
                try voter.start()
                try #require(try await cluster.settled() === primary)
                try await ClusterFixture.synchronous(cluster, primary, members: 2)
                try await primary.killTree()
                let next = try await cluster.primary(among: cluster.others(than: primary))
                // Not by waiting for the end of the lease.
                #expect(next.metric(#"pgmahout_takeovers_total{kind="votes"}"#) == 1)
                try await writer.more(20)
                try await writer.stop()
                try #require(try writer.missing(on: next) == [])
            }
        }

        @Test("are cast for nobody who does not know the members' secret")
        func stranger() async throws {
            try await ClusterFixture.sharing(.quorum) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                let renewal = try #require(replica.status()?.renewal)
                let body = #"{"candidate":"pg-9","term":1,"renewal":"\#(renewal)"}"#
                #expect(try replica.request("POST", "/v1/peer/vote", body: body).status == 401)
                #expect(replica.status()?.vote == nil)
                #expect(replica.status()?.streaming == true)
            }
        }
    }
}
