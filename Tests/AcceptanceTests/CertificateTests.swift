import ClusterModel
import Glibc
import HTTPTransport
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Certificates of members and people")
    struct CertificateTests {
        @Test("members without a shared secret consent and vote by their certificates, also after a rotation")
        func peers() async throws {
            try await Self.withCluster(more: "synchronous: {mode: quorum, count: 1}\n") { cluster, primary, authority in
                try await ClusterFixture.synchronous(cluster, primary, members: 2)
                #expect(try primary.request("GET", "/v1/cluster").text.contains("https://"))
                // Whoever has none reads, and asks nothing of a member.
                let refused = try primary.request(
                    "POST", "/v1/peer/vote", body: #"{"candidate": "pg-1", "term": 1, "renewal": "x"}"#)
                #expect(refused.status == 401 && refused.text.contains("certificate"), "\(refused.text)")
                #expect(primary.probe("/readyz") == 200)

                // One authority after the other, as people do it: first both are trusted.
                let next = try await TestCertificates()
                let both = try Files.readText(authority.authority) + Files.readText(next.authority)
                for member in cluster.members { try Self.write(both, "ca.crt", member) }
                for member in cluster.members { try await Self.certify(member, by: next) }
                for member in cluster.members { try Self.write(Files.readText(next.authority), "ca.crt", member) }
                try await eventually("all are served with the new ones", within: .seconds(30)) {
                    cluster.members.allSatisfy { member in
                        // Refused as long as the old ones are served.
                        (try? Self.ask(member, HTTPTLS(caFile: next.authority))) == 200
                    }
                }
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(20)
                try await primary.killTree()
                let winner = try await cluster.primary(among: cluster.others(than: primary))
                #expect(winner.metric(#"pgmahout_takeovers_total{kind="votes"}"#) == 1)
                try await writer.more(20)
                try primary.start()
                try #require(try await cluster.settled() === winner)
                try await writer.stop()
                try #require(try writer.missing(on: winner) == [])
            }
        }

        @Test("a person with a certificate that is named may change things, one with another may not")
        func people() async throws {
            let token = "tokenFile: TOKEN, "
            try await Self.withCluster(members: 1, http: token) { cluster, primary, authority in
                let admin = try await authority.issue("admin", for: [])
                let guest = try await authority.issue("guest", for: [])
                func pause(_ pair: TestCertificates.Pair?) throws -> Int {
                    let tls = HTTPTLS(
                        caFile: authority.authority, certificateFile: pair?.certificate, keyFile: pair?.key)
                    return try Self.ask(primary, tls, "POST", "/v1/pause", body: "{}")
                }
                #expect(try pause(nil) == 401)
                #expect(try pause(guest) == 401)
                #expect([200, 202].contains(try pause(admin)))
                let stranger = try await TestCertificates().issue("admin", for: [])
                #expect(throws: HTTPError.self) { try pause(stranger) }
                // By the command line as well.
                let (status, text) = try await primary.run(
                    "resume", "--url", "https://127.0.0.1:\(primary.httpPort)", "--ca-file", authority.authority,
                    "--certificate-file", admin.certificate, "--key-file", admin.key)
                #expect(status == .exited(0), "\(text)")
            }
        }

        // MARK: A cluster with certificates

        private static func withCluster(
            members: Int = 3, http: String = "", more: String = "",
            _ body: (ClusterFixture, ClusterMember, TestCertificates) async throws -> Void
        ) async throws {
            let authority = try await TestCertificates()
            let settings = ClusterSettings(members: members)
            try await ClusterFixture.with(settings) { cluster in
                try giveToPostgres(authority.authority)
                for member in cluster.members {
                    try await certify(member, by: authority)
                    try write(Files.readText(authority.authority), "ca.crt", member)
                    try write("secret\n", "token", member)
                    let own = member.directory
                    let tls =
                        "{certificateFile: \(own)/tls.crt, keyFile: \(own)/tls.key, caFile: \(own)/ca.crt, "
                        + "controllers: [admin]}"
                    let text =
                        settings.yaml(member).replacing(
                            "advertise: 127.0.0.1}",
                            with: "\(http.replacing("TOKEN", with: own + "/token"))advertise: 127.0.0.1, tls: \(tls)}")
                        + "peers: {certificates: true}\n" + more
                    try Files.writeDurably(Array(text.utf8), to: member.configurationFile, mode: 0o644)
                    try giveToPostgres(member.configurationFile)
                }
                let primary = try await cluster.startAll()
                try await body(cluster, primary, authority)
            }
        }

        private static func certify(_ member: ClusterMember, by authority: TestCertificates) async throws {
            let pair = try await authority.issue(
                "\(member.name)", for: ["DNS:\(member.name)", "IP:127.0.0.1"])
            try write(Files.readText(pair.certificate), "tls.crt", member)
            try write(Files.readText(pair.key), "tls.key", member)
        }

        private static func write(_ text: String, _ name: String, _ member: ClusterMember) throws {
            let path = "\(member.directory)/\(name)"
            try Files.writeDurably(Array(text.utf8), to: path, mode: 0o600)
            try giveToPostgres(path)
        }

        private static let http = HTTPClient(name: "tls-tests")

        private static func ask(
            _ member: ClusterMember, _ tls: HTTPTLS, _ method: String = "GET", _ path: String = "/v1/status",
            body: String = ""
        ) throws -> Int {
            try http.sendAndWait(
                HTTPRequest(
                    method: method, url: "https://127.0.0.1:\(member.httpPort)\(path)",
                    headers: body.isEmpty ? [] : [("Content-Type", "application/json")], body: Array(body.utf8),
                    tls: tls)
            ).status
        }
    }
}
