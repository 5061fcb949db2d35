import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Two members of one name")
    struct NamesakeTests {
        @Test("the newcomer keeps out of it and says why, and takes the place once the other one is gone")
        func newcomer() async throws {
            let settings = ClusterSettings(members: 3)
            try await ClusterFixture.with(settings) { cluster in
                let impostor = cluster.members[2]
                let pair = Array(cluster.members.prefix(2))
                for member in pair { try member.start() }
                let primary = try await cluster.settled(among: pair)
                let replica = try #require(pair.first { $0 !== primary })
                let text = settings.yaml(impostor).replacing(
                    "member: \(impostor.name)", with: "member: \(replica.name)")
                try Files.writeDurably(Array(text.utf8), to: impostor.configurationFile, mode: 0o644)
                try giveToPostgres(impostor.configurationFile)
                try impostor.start()
                try await eventually("it says what is wrong", within: .seconds(20)) {
                    impostor.status()?.problem?.contains("another run has the name") == true
                }
                let noticed = BootClock.now()
                try await eventually("three leases have passed", within: .seconds(30)) {
                    BootClock.now().since(noticed) > cluster.settings.lease.duration * 3
                }
                #expect(impostor.postgres.isEmpty)
                #expect(impostor.status()?.ready == false)
                #expect(impostor.metric("pgmahout_name_conflicts_total") == 1)
                try #require(try await cluster.settled(among: pair) === primary)
                try await replica.killTree()
                try await eventually("it streams in the place of the other one", within: .seconds(60)) {
                    impostor.status()?.streaming == true && impostor.status()?.problem == nil
                }
            }
        }
    }
}
