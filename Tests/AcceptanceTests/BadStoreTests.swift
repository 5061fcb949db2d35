import ClusterModel
import Glibc
import Kubernetes
import Platform
import TestSupport
import Testing

extension Acceptance {
    /// Each fault has a log line, a metric and a sentence in the status; the primary goes on by consent, nobody takes
    /// over, and once it is mended everything goes on without a restart.
    @Suite("A store that says what cannot be true")
    struct BadStoreTests {
        /// What stands in the store in the place of the record.
        enum Content: String, CaseIterable {
            case newerFormat, foreignCluster, nonsense

            var text: String {
                switch self {
                case .newerFormat: #"{"format": 99, "cluster": "tested"}"#
                case .foreignCluster: #"{"format": 1, "cluster": "another"}"#
                case .nonsense: "<html>it works</html>"
                }
            }

            var words: String {
                switch self {
                case .newerFormat: "run the version here that the other members run"
                case .foreignCluster: "belongs to the cluster 'another'"
                case .nonsense: "is no cluster record"
                }
            }
        }

        @Test("is named, changes nothing, and is over once it is mended")
        func content() async throws {
            try await ClusterFixture.sharing(.off) { cluster, primary in
                try await each(Content.allCases, cluster, primary) { content in
                    // Above every number that a member would write next.
                    let place = cluster.directory + "/lease/record/1000000.json"
                    try Files.writeDurably(Array(content.text.utf8), to: place, mode: 0o644)
                    try await named(content.words, as: "invalid", cluster)
                    #expect(try Files.readText(place) == content.text)
                    try Files.remove(place)
                }
            }
        }

        @Test("or refuses this member's token or rights, is told from one that is away")
        func denied() async throws {
            let server = try KubernetesServer(namespace: "databases")
            for name in ["pg-1", "pg-2", "pg-3"] { try server.make(.pods, name, ["metadata": ["name": .string(name)]]) }
            let words: [Int64: String] = [401: "does not accept the token", 403: "is missing: add the verb"]
            try await StoreTests.withCluster(StoreTests.kubernetes(server)) { cluster, primary in
                try await each(words.keys.sorted(), cluster, primary) { code in
                    try server.fault("status", status: code)
                    try await named(words[code] ?? "", as: "denied", cluster)
                    try server.heal()
                }
            }
        }

        /// One fault after the other under load, each until nobody complains any more.
        private func each<Fault>(
            _ faults: [Fault], _ cluster: ClusterFixture, _ primary: ClusterMember,
            _ body: (Fault) async throws -> Void
        ) async throws {
            let processes = cluster.members.map(\.process)
            let writer = try ClusterWriter.start(on: primary, among: cluster.members)
            for fault in faults {
                try await writer.more(20)
                try await body(fault)
                try await eventually("nobody complains any more", within: .seconds(30)) {
                    cluster.members.allSatisfy { $0.status().map { $0.problem == nil } ?? false }
                }
                try #require(try await cluster.settled() === primary)
            }
            try await writer.more(20)
            try await writer.stop()
            #expect(cluster.members.map(\.process) == processes)
            #expect(primary.metric("pgmahout_fence_total") == 0)
            try #require(try writer.missing(on: primary) == [])
        }

        /// By every member in its status, its log and its metrics, and for longer than a lease lasts.
        private func named(_ words: String, as reason: String, _ cluster: ClusterFixture) async throws {
            let since = BootClock.now()
            for member in cluster.members {
                try await eventually("\(member.name) says what is wrong", within: .seconds(20)) {
                    member.status()?.problem?.contains(words) == true && member.logs(words)
                        && (member.metric(#"pgmahout_lease_errors_total{reason="\#(reason)"}"#) ?? 0) > 0
                }
            }
            try await eventually("two leases have passed", within: .seconds(30)) {
                BootClock.now().since(since) > cluster.settings.lease.duration * 2
            }
        }
    }
}
