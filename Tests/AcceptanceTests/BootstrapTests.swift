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
                let identifiers = Set(cluster.members.map { $0.status()?.systemIdentifier })
                try #require(identifiers.count == 1)
                for member in cluster.members {
                    let initialized = member.logs(
                        #""msg":"begins","member":"\#(member.name)","operation":"initialize""#)
                    #expect(initialized == (member === primary), "\(member.name)")
                }
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
