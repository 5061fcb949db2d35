import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Probes")
    struct ProbeTests {
        @Test("a postgres that hangs slows no probe, and is used again when it answers")
        func hung() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 1)) { _, primary in
                let before = try #require(primary.status())
                let server = primary.postgres
                try #require(server.count > 3)
                for process in server { Processes.signal(process, SIGSTOP) }
                let end = BootClock.now() + .seconds(7)
                var slowest = Duration.zero
                while BootClock.now() < end {
                    for path in ["/healthz", "/readyz", "/metrics", "/v1/status", "/v1/cluster"] {
                        let asked = BootClock.now()
                        let status = try #require(primary.probe(path), "\(path) does not answer")
                        slowest = max(slowest, BootClock.now().since(asked))
                        if path == "/healthz" { #expect(status == 200) }
                    }
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(slowest < .seconds(1))
                #expect(primary.probe("/readyz") == 503, "it has not answered for long")
                for process in server { Processes.signal(process, SIGCONT) }
                try await eventually("it is ready again") { primary.probe("/readyz") == 200 }
                let after = try #require(primary.status())
                #expect(after.term == before.term)
                #expect(primary.metric("pgmahout_postgres_restarts_total") == 0)
            }
        }

        @Test("a primary whose postgres hangs gives way to a ready replica, and acknowledges nothing more")
        func hungPrimary() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                for process in primary.postgres { Processes.signal(process, SIGSTOP) }
                try #require(try await cluster.primary(among: [replica], within: .seconds(40)) === replica)
                #expect(try await cluster.settled() === replica)
            }
        }

        @Test("of all members tell what they are: started, ready, and how far behind")
        func members() async throws {
            try await ClusterFixture.with(ClusterSettings(members: 2)) { cluster in
                let (primary, replica) = (cluster.members[0], cluster.members[1])
                try primary.start()
                try await eventually("it answers") { primary.probe("/healthz") == 200 }
                try await cluster.settled(among: [primary])
                try replica.start()
                try await eventually("it answers", every: .milliseconds(2)) { replica.probe("/healthz") == 200 }
                #expect(replica.probe("/readyz") == 503, "it has no data yet")
                try await cluster.settled()
                for member in cluster.members {
                    for path in ["/healthz", "/readyz", "/startupz"] { #expect(member.probe(path) == 200) }
                }
                let view = try #require(replica.cluster())
                #expect(view.leader == primary.name)
                #expect(view.members.map(\.member.name) == cluster.members.map(\.name).sorted())
                #expect(primary.status()?.leaseRemainingMilliseconds.map { $0 > 0 } == true)
                #expect(replica.status()?.leaseRemainingMilliseconds == nil)
                let (status, table) = try await replica.run("status", "--config", replica.configurationFile)
                #expect(status == .exited(0))
                for member in cluster.members { #expect(table.contains(member.name.rawValue), "\(table)") }

                // A replica that no longer hears of the primary is not ready.
                for receiver in replica.postgres("walreceiver") { Processes.signal(receiver, SIGSTOP) }
                try primary.query("CREATE TABLE much AS SELECT repeat('x', 1000) FROM generate_series(1, 40000)")
                try await eventually("it is not ready", within: .seconds(20)) { replica.probe("/readyz") == 503 }
                for receiver in replica.postgres("walreceiver") { Processes.signal(receiver, SIGCONT) }
                try await cluster.settled()
            }
        }
    }
}
