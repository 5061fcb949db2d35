import ClusterModel
import Glibc
import Kubernetes
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Lease stores")
    struct StoreTests {
        @Test(
            "etcd: a cluster comes up, survives the loss of its primary, and goes on by consent while etcd is stopped")
        func etcd() async throws {
            let etcd = try EtcdFixture()
            let store = "etcd\n  etcd: {endpoints: [\(etcd.url)]}"
            try await Self.withCluster(store) { cluster, primary in
                try await primary.killTree()
                let next = try await cluster.primary(among: cluster.others(than: primary))
                // From here on: what a lost primary had acknowledged alone may be lost in mode `off`.
                let writer = try ClusterWriter.start(on: next, among: cluster.members)
                try await writer.more(20)
                try primary.start()
                try #require(try await cluster.settled() === next)
                try etcd.pause()
                let stopped = BootClock.now()
                try await eventually("two leases have passed", within: .seconds(30)) {
                    BootClock.now().since(stopped) > cluster.settings.lease.duration * 2
                }
                try await writer.more(20)
                #expect(next.metric("pgmahout_fence_total") == 0)
                etcd.resume()
                try #require(try await cluster.settled() === next)
                try await writer.stop()
                try #require(try writer.missing(on: next) == [])
            }
        }

        @Test("Kubernetes: the Lease names the holder, the pods carry their roles, and a transition is an Event")
        func kubernetes() async throws {
            let server = try KubernetesServer(namespace: "databases")
            for name in ["pg-1", "pg-2", "pg-3"] { try server.make(.pods, name, ["metadata": ["name": .string(name)]]) }
            try await Self.withCluster(Self.kubernetes(server)) { cluster, primary in
                try await Self.labelled(server, cluster, primary)
                let target = try #require(cluster.others(than: primary).first)
                let answer = try primary.request(
                    "POST", "/v1/switchover", body: #"{"to": "\#(target.name)"}"#, within: .seconds(10))
                try #require(answer.status == 202, "\(answer.text)")
                try await eventually("the target leads", within: .seconds(20)) { target.status()?.role == .primary }
                try #require(try await cluster.settled() === target)
                try await Self.labelled(server, cluster, target)
                let lease = try #require(try server.object(.leases, "tested"))
                #expect(lease.text("spec", "holderIdentity")?.hasPrefix(target.name.rawValue) == true)
                try await eventually("the switchover is an Event", within: .seconds(20)) {
                    try server.objects(.events).contains { $0.text("reason") == "SwitchoverCompleted" }
                }
            }
        }

        private static func labelled(
            _ server: KubernetesServer, _ cluster: ClusterFixture, _ primary: ClusterMember
        ) async throws {
            try await eventually("the pods carry their roles", within: .seconds(20)) {
                try cluster.members.allSatisfy { member in
                    let role = member === primary ? "primary" : "replica"
                    return try server.object(.pods, member.name.rawValue)?.text("metadata", "labels", "role") == role
                }
            }
        }

        static func kubernetes(_ server: KubernetesServer) -> String {
            "kubernetes\n  kubernetes:\n    url: \(server.url)\n    namespace: databases\n"
                + "    tokenFile: \(server.serviceAccount)/token\n    caFile: \(server.serviceAccount)/ca.crt"
        }

        /// - Parameter store: what stands behind `lease.store:`, with the sections that it needs.
        static func withCluster(
            _ store: String, _ body: (ClusterFixture, ClusterMember) async throws -> Void
        ) async throws {
            let settings = ClusterSettings()
            try await ClusterFixture.with(settings) { cluster in
                let secret = cluster.directory + "/secret"
                try Files.writeDurably(Array("of all members\n".utf8), to: secret, mode: 0o600)
                try giveToPostgres(secret)
                for member in cluster.members {
                    let text =
                        settings.yaml(member).replacing(
                            "store: file\n  file: {path: \(member.leaseFile)}", with: "store: \(store)")
                        + "peers: {secretFile: \(secret)}\n"
                    try Files.writeDurably(Array(text.utf8), to: member.configurationFile, mode: 0o644)
                    try giveToPostgres(member.configurationFile)
                }
                let primary = try await cluster.startAll()
                try await body(cluster, primary)
            }
        }
    }
}
