import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("A server that hangs")
    struct HungPostgresTests {
        @Test("a primary whose postmaster is stopped says so, and gives way to a replica that is ready")
        func postmaster() async throws {
            try await ClusterFixture.running(quickToGiveWay()) { cluster, primary in
                let stopped = try #require(primary.postmaster)
                Processes.signal(stopped, SIGSTOP)
                try await eventually("it says what is wrong", within: .seconds(20)) {
                    primary.status()?.problem?.contains("the postmaster has not taken a new connection") == true
                }
                let next = try await cluster.primary(among: cluster.others(than: primary))
                #expect(next !== primary)
                try #require(try await cluster.settled() === next)
            }
        }

        @Test("a primary whose processes are stopped says how many, and gives way as well")
        func processes() async throws {
            // Longer than it takes to find out which processes they are.
            try await ClusterFixture.running(quickToGiveWay(after: .seconds(6))) { cluster, primary in
                let postmaster = try #require(primary.postmaster)
                for process in primary.postgres where process != postmaster { Processes.signal(process, SIGSTOP) }
                try await eventually("it says what is wrong", within: .seconds(20)) {
                    primary.status()?.problem?.contains("processes have been stopped") == true
                }
                let next = try await cluster.primary(among: cluster.others(than: primary))
                try #require(try await cluster.settled() === next)
            }
        }

        @Test("a full connection table is named, and is no reason to give way")
        func exhausted() async throws {
            var settings = quickToGiveWay()
            settings.parameters["max_connections"] = "25"
            try await ClusterFixture.running(settings) { cluster, primary in
                let connections = (0..<40).compactMap { _ in
                    try? SQLConnection.open(primary.connection(), deadline: BootClock.now() + .seconds(2))
                }
                #expect(connections.count >= 15)
                try await eventually("it says what is wrong", within: .seconds(20)) {
                    primary.status()?.problem?.contains("connections of postgres are taken") == true
                }
                let full = BootClock.now()
                try await eventually("longer than unresponsiveBudget", within: .seconds(20)) {
                    BootClock.now().since(full) > .seconds(4)
                }
                #expect(primary.status()?.role == .primary)
                for connection in connections { connection.close() }
                try await eventually("it is over", within: .seconds(20)) { primary.status()?.problem == nil }
                try #require(try await cluster.settled() === primary)
            }
        }

        private func quickToGiveWay(after budget: Duration = .seconds(2)) -> ClusterSettings {
            var settings = ClusterSettings(members: 2)
            settings.unresponsiveBudget = budget
            return settings
        }
    }
}
