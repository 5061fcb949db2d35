import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("A disk that hangs")
    struct HungDiskTests {
        @Test(
            "is named, takes the lead away from its primary, hangs no probe, and heals without a restart",
            .enabled(if: getuid() == 0, "only root can freeze a file system"))
        func frozen() async throws {
            var settings = ClusterSettings(members: 2)
            settings.unresponsiveBudget = .seconds(2)
            try await ClusterFixture.with(settings) { cluster in
                let (member, other) = (cluster.members[0], cluster.members[1])
                let disk = try await FrozenFileSystem(at: member.directory, megabytes: 400)
                defer { disk.destroy() }
                try cluster.configure(member, settings)
                try member.start()
                try #require(try await cluster.primary() === member)
                try other.start()
                try #require(try await cluster.settled() === member)
                try member.query("CREATE TABLE t AS SELECT 1 AS i")
                try await cluster.caughtUp(other, with: member)
                let process = member.process
                try await disk.freeze()
                try await eventually("it says what is wrong", within: .seconds(30)) {
                    member.status()?.problem?.contains("has not finished a write") == true
                }
                #expect(member.metric("pgmahout_disk_hung") == 1)
                #expect(member.probe("/healthz") == 200)
                try #require(try await cluster.primary(among: [other], within: .seconds(40)) === other)
                #expect(member.probe("/healthz") == 200)
                #expect(member.probe("/primary") == 503)
                try other.query("INSERT INTO t VALUES (2)")
                try await disk.thaw()
                try #require(try await cluster.settled(within: .seconds(60)) === other)
                #expect(member.process == process)
                try await cluster.caughtUp(member, with: other)
                #expect(try member.value("SELECT count(*) FROM t") == "2")
            }
        }
    }
}
