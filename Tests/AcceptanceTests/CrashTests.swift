import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Crashes")
    struct CrashTests {
        @Test("a killed postmaster comes back in place, on its timeline, and no acknowledged row is lost")
        func postmaster() async throws {
            try await ClusterFixture.running { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: [primary])
                let before = try #require(primary.status())
                for _ in 0..<3 {
                    try await writer.more(50)
                    let postmaster = try #require(primary.postmaster)
                    Processes.signal(postmaster, SIGKILL)
                    try await eventually("another postmaster runs") {
                        primary.postmaster.map { $0 != postmaster } ?? false
                    }
                    try await writer.more(20)
                }
                let rows = try await writer.stop()
                try #require(rows.count >= 210)
                try #require(try writer.missing(on: primary) == [])
                let same = try await cluster.settled()
                try #require(same === primary)
                let after = try #require(primary.status())
                #expect(after.timeline == before.timeline)
                #expect(after.term == before.term)
                #expect(primary.metric("pgmahout_postgres_restarts_total") == 3)
            }
        }

        @Test("when PID 1 is killed, so is its postgres; started again it recovers, and no acknowledged row is lost")
        func firstProcess() async throws {
            try await ClusterFixture.running { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(50)
                primary.signal(SIGKILL)
                try await eventually("the guard has killed postgres", within: .seconds(2)) { primary.postgres.isEmpty }
                #expect(primary.logs("pid 1 died"))
                try await primary.vanished()
                try primary.start()
                try await writer.more(50)
                try await writer.stop()
                let now = try await cluster.settled()
                #expect(now === primary, "its own past is no reason to wait for a lease to expire")
                try #require(try writer.missing(on: now) == [])
            }
        }

        @Test("when postmaster and PID 1 are killed together, the next start recovers")
        func both() async throws {
            try await ClusterFixture.running { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(50)
                let postmaster = try #require(primary.postmaster)
                primary.signal(SIGKILL)
                Processes.signal(postmaster, SIGKILL)
                try await primary.exit()
                try await primary.vanished()
                try primary.start()
                try await writer.more(50)
                try await writer.stop()
                try #require(try writer.missing(on: try await cluster.settled()) == [])
            }
        }

        @Test("when all of the primary is lost, a replica takes over, and the old primary comes back as a replica")
        func node() async throws {
            try await ClusterFixture.running { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(50)
                try await primary.killTree()
                let next = try await cluster.primary(among: cluster.others(than: primary))
                try await writer.more(50)
                #expect(next.metric(#"pgmahout_transitions_total{kind="failover",result="succeeded"}"#) == 1)
                try primary.start()
                try #require(try await cluster.settled() === next)
                try await writer.stop()
                try await cluster.caughtUp(primary, with: next)
                let count = "SELECT count(*), sum(id) FROM written"
                #expect(try primary.query(count) == next.query(count))
            }
        }

        @Test("a killed guard is replaced at once, and does its work")
        func guardian() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 1)) { _, primary in
                let first = try #require(primary.guardian)
                Processes.signal(first, SIGKILL)
                try await eventually("there is another guard") { primary.guardian.map { $0 != first } ?? false }
                try await eventually("it is counted") { primary.metric("pgmahout_guard_respawns_total") == 1 }
                try #require(primary.status()?.ready == true)
                primary.signal(SIGKILL)
                try await eventually("the new guard has killed postgres", within: .seconds(2)) {
                    primary.postgres.isEmpty
                }
            }
        }
    }
}
