import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("WAL that nobody else has")
    struct DivergedWALTests {
        @Test("is kept aside before the member that has it is rewound, and the member says so")
        func kept() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                try primary.query("CREATE TABLE proof (id text)")
                try await cluster.caughtUp(replica, with: primary)
                let receiver = try #require(replica.postgres("walreceiver").first)
                Processes.signal(receiver, SIGSTOP)
                try primary.query("INSERT INTO proof VALUES ('only-the-primary-has-this')")
                try await primary.killTree()
                // It must not wake up to what has already reached its socket.
                Processes.signal(receiver, SIGTERM)
                Processes.signal(receiver, SIGCONT)
                try #require(try await cluster.primary(among: [replica]) === replica)
                try primary.start()
                try #require(try await cluster.settled() === replica)
                #expect(try primary.value("SELECT count(*) FROM proof") == "0")

                try await eventually("a metric counts it", within: .seconds(20)) {
                    primary.metric("pgmahout_diverged_wal_sets") == 1
                }
                #expect(primary.logs("WAL that no other member has was kept aside"))
                #expect(primary.status()?.problem?.contains("WAL of timeline 1") == true)
                let sets = primary.dataDirectory + ".pgmahout-diverged"
                let set = try #require(try Files.list(sets).first)
                let segments = try Files.list("\(sets)/\(set)").filter { WALFileName($0, segmentSize: 1 << 20) != nil }
                let found = try segments.contains { name in
                    let bytes = try Files.read("\(sets)/\(set)/\(name)", limit: 2 << 20)
                    return bytes.firstRange(of: Array("only-the-primary-has-this".utf8)) != nil
                }
                #expect(found)
            }
        }
    }
}
