import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("What operators ask for")
    struct IntentTests {
        @Test("a pause leaves a crashed primary as it is, and resuming brings it back")
        func pause() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                // Any member may be asked.
                #expect(try replica.request("POST", "/v1/pause", body: "{}", within: .seconds(10)).status == 202)
                try await eventually("all know", within: .seconds(10)) {
                    cluster.members.allSatisfy { $0.cluster()?.intent.paused == true }
                }
                Processes.signal(try #require(primary.postmaster), SIGKILL)
                try await eventually("it says why it is down", within: .seconds(20)) {
                    primary.status()?.problem?.contains("paused") == true
                }
                let down = BootClock.now()
                try await eventually("two leases have passed", within: .seconds(30)) {
                    BootClock.now().since(down) > cluster.settings.lease.duration * 2
                }
                #expect(primary.postmaster == nil)
                #expect(replica.status()?.role == .replica)
                #expect(try primary.request("POST", "/v1/resume", body: "{}", within: .seconds(10)).status == 202)
                try await cluster.settled()
            }
        }

        @Test("a fenced replica's postgres is down while PID 1 is up, until it is unfenced")
        func fence() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                let path = "/v1/members/\(replica.name)/"
                #expect(try primary.request("POST", path + "fence", body: "{}", within: .seconds(10)).status == 202)
                try await eventually("its postgres is down", within: .seconds(20)) {
                    replica.status()?.isFenced == true && replica.postgres.isEmpty
                }
                #expect(replica.probe("/healthz") == 200)
                #expect(try primary.request("POST", path + "unfence", body: "{}", within: .seconds(10)).status == 202)
                try #require(try await cluster.settled() === primary)
            }
        }

        @Test("a replica is made anew, and the one before is kept until the copy is complete")
        func reclone() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                let marker = replica.dataDirectory + "/of-the-old-one"
                try Files.writeDurably([], to: marker)
                #expect(
                    try primary.request("POST", "/v1/members/\(replica.name)/reclone", body: "{}", within: .seconds(10))
                        .status
                        == 202)
                try await eventually("it is another directory", within: .seconds(30)) { !Files.exists(marker) }
                try #require(try await cluster.settled() === primary)
                try await eventually("the request is done", within: .seconds(10)) {
                    primary.cluster()?.intent.reclone.isEmpty == true
                }
                try await eventually("nothing of the old one is left", within: .seconds(20)) {
                    let names = (try? Files.list(replica.directory)) ?? []
                    return !names.contains { $0.contains("-old") || $0.contains("-trash") || $0.contains("-new") }
                }
            }
        }

        @Test("a restart of all goes from replica to replica, and ends with the primary's hand-over")
        func restart() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 3)) { cluster, primary in
                let before = Dictionary(uniqueKeysWithValues: cluster.members.map { ($0.name, $0.postmaster) })
                #expect(try primary.request("POST", "/v1/restart", body: "{}", within: .seconds(10)).status == 202)
                try await eventually("every server is another one", within: .seconds(60)) {
                    cluster.members.allSatisfy { $0.postmaster != nil && $0.postmaster != before[$0.name] ?? nil }
                }
                let next = try await cluster.settled()
                try await eventually("the request is done", within: .seconds(20)) {
                    next.cluster()?.intent.restart == nil
                }
            }
        }
    }
}
