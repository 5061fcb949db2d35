import ClusterModel
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Bootstrap")
    struct BootstrapTests {
        @Test(
            "three that start at the same moment make one cluster: one initdb, one system, all stream",
            arguments: 1...10)
        func race(round: Int) async throws {
            try await ClusterFixture.running { cluster, primary in
                let begun = cluster.members.filter { $0.logs(#""operation":"initialize""#) }
                let identifiers = Set(cluster.members.compactMap { $0.status()?.systemIdentifier })
                try #require(identifiers.count == 1)
                // Who loses the race for the record may have begun, and throws its own away.
                let made = begun.filter { $0.logs("done") && $0 === primary }
                try #require(made.count == 1)
                for member in cluster.others(than: primary) {
                    #expect(member.logs("clone"), "\(member.name) did not clone")
                }

                try primary.query("CREATE TABLE proof AS SELECT 42 AS answer")
                for member in cluster.others(than: primary) {
                    try await cluster.caughtUp(member, with: primary)
                    #expect(try member.value("SELECT answer FROM proof") == "42")
                }
                let settings = try primary.query(
                    """
                    SELECT current_setting('data_checksums'), pg_encoding_to_char(encoding), datcollate
                      FROM pg_database WHERE datname = 'postgres'
                    """)
                #expect(settings == [["on", "UTF8", "C"]])
            }
        }
    }
}
