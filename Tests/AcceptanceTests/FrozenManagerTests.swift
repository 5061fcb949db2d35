import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("A frozen PID 1")
    struct FrozenManagerTests {
        @Test("acknowledges no commit after its lease has expired; another takes over, and it rejoins when it thaws")
        func frozen() async throws {
            try await ClusterFixture.running { cluster, primary in
                let others = cluster.others(than: primary)
                let faithful = try ClusterWriter.start(on: primary, among: [primary])
                let roaming = try ClusterWriter.start(on: primary, among: others)
                try await faithful.more(20)

                // The last renewal was sent before this moment, so the lease ends before this much later.
                primary.signal(SIGSTOP)
                let frozen = BootClock.now()
                let lease = cluster.settings.lease
                let deadline = frozen + lease.giveUpAfter + lease.killWithin

                try await roaming.more(20)
                let old = faithful.rows
                let new = roaming.rows
                let process = try #require(primary.process)
                #expect(ClusterProcesses.state(of: process) == "T", "the guard needs no help of PID 1")
                let last = try #require(old.last)
                let first = try #require(new.first)
                #expect(last.acknowledged < deadline, "\(last.acknowledged.since(deadline)) after the lease")
                #expect(last.acknowledged < first.sent, "two members accepted writes at the same time")
                #expect(last.acknowledged > frozen, "the freeze alone must not end it: the lease still ran")
                #expect(primary.postgres.isEmpty)
                #expect(primary.logs("lease deadline passed"))

                primary.signal(SIGCONT)
                let next = try await cluster.settled()
                #expect(next !== primary)
                try await faithful.stop()
                try await roaming.stop()
                try #require(try roaming.missing(on: next) == [])
            }
        }

        @Test("for less than its lease nothing happens")
        func short() async throws {
            try await ClusterFixture.running { cluster, primary in
                let before = try #require(primary.status())
                primary.signal(SIGSTOP)
                try await Task.sleep(for: .milliseconds(700))
                primary.signal(SIGCONT)
                try await Task.sleep(for: cluster.settings.lease.duration)
                let now = try await cluster.settled()
                #expect(now === primary)
                let after = try #require(primary.status())
                #expect(after.term == before.term)
                #expect(after.timeline == before.timeline)
                #expect(primary.metric("pgmahout_postgres_restarts_total") == 0)
            }
        }
    }
}
