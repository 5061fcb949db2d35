import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Other versions of PostgreSQL")
    struct VersionTests {
        @Test(
            "a cluster's life: bootstrap, quorum, a lost primary, rewind, switchover, archive",
            arguments: PostgresInstallation.all.filter { $0 != PostgresFixture.standard })
        func life(installation: PostgresInstallation) async throws {
            var settings = ClusterSettings(members: 3)
            settings.binDirectory = installation.binaries.directory
            settings.archive = "archive"
            try await ClusterFixture.with(settings) { cluster in
                let secret = cluster.directory + "/secret"
                try Files.writeDurably(Array("of all members\n".utf8), to: secret, mode: 0o600)
                try giveToPostgres(secret)
                settings.more = "peers: {secretFile: \(secret)}\nsynchronous: {mode: quorum, count: 1}\n"
                for member in cluster.members { try cluster.configure(member, settings) }
                let primary = try await cluster.startAll()
                try await ClusterFixture.synchronous(cluster, primary, members: 2)
                let major = try await installation.major()
                #expect(try primary.value("SHOW server_version")?.hasPrefix("\(major)") == true)
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(50)
                try await primary.killTree()
                let next = try await cluster.primary(among: cluster.others(than: primary))
                try await writer.more(20)
                try primary.start()
                try #require(try await cluster.settled() === next)
                try await ClusterFixture.synchronous(cluster, next, members: 2)

                let answer = try next.request(
                    "POST", "/v1/switchover", body: #"{"to": "\#(primary.name)"}"#, within: .seconds(10))
                try #require(answer.status == 202, "\(answer.text)")
                try await eventually("the target leads", within: .seconds(20)) { primary.status()?.role == .primary }
                try #require(try await cluster.settled() === primary)
                try await writer.more(20)
                try await writer.stop()
                try #require(try writer.missing(on: primary) == [])
                let segment = try primary.value("SELECT pg_walfile_name(pg_switch_wal())") ?? ""
                try await eventually("the segment is in the archive", within: .seconds(30)) {
                    let last = try primary.value("SELECT last_archived_wal FROM pg_stat_archiver") ?? ""
                    return last >= segment
                }
            }
        }
    }
}
