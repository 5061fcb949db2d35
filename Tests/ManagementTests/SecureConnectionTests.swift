import ClusterModel
import HTTPTransport
import Platform
import TLS
import TestSupport
import Testing

@testable import Management

/// TLS in front of the management interface: what does not speak it well hinders nobody else.
@Suite(.ownThread) struct SecureConnectionTests {
    private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    private let authority: TestCertificates
    private let tls = TLSServer()

    init() async throws {
        authority = try await TestCertificates()
        try tls.replace(try Self.material(try await authority.issue("server"), authority))
    }

    private static func material(_ pair: TestCertificates.Pair, _ authority: TestCertificates) throws -> TLSMaterial {
        TLSMaterial(
            certificate: try Files.read(pair.certificate), key: try Files.read(pair.key),
            authorities: try Files.read(authority.authority))
    }

    private func get(
        _ fixture: ServerFixture, _ path: String = "/healthz", by pair: TestCertificates.Pair? = nil
    ) throws -> Int {
        let tls = HTTPTLS(caFile: authority.authority, certificateFile: pair?.certificate, keyFile: pair?.key)
        return try HTTPClient(name: "secure").sendAndWait(
            HTTPRequest(url: "https://127.0.0.1:\(fixture.port)\(path)", tls: tls)
        ).status
    }

    /// The head of a record of 512 bytes that never come.
    private static let beginning = "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}"

    @Test("a handshake that never ends is cut off in time, however it trickles, and others are served meanwhile")
    func endlessHandshake() async throws {
        var limits = ManagementLimits()
        limits.request = .milliseconds(800)
        let fixture = try ServerFixture(limits: limits, tls: tls)
        let connection = try fixture.connect()
        try connection.send(Self.beginning)
        #expect(try get(fixture) == 200)
        for _ in 0..<5 {
            _ = Poll.wait([], until: BootClock.now() + .milliseconds(20))
            try connection.send("\u{1}")
        }
        #expect(try connection.isClosed())
        try await eventually { fixture.server.connectionCount == 0 }
        #expect(try get(fixture) == 200)
    }

    @Test("unfinished handshakes beyond the cap make room for whoever comes next")
    func manyHandshakes() throws {
        var limits = ManagementLimits()
        limits.connections = 4
        limits.request = .seconds(60)
        let fixture = try ServerFixture(limits: limits, tls: tls)
        let connections = try (0..<12).map { _ in
            let connection = try fixture.connect()
            try connection.send(Self.beginning)
            return connection
        }
        #expect(try get(fixture) == 200)
        #expect(fixture.server.connectionCount <= 4)
        withExtendedLifetime(connections) {}
    }

    @Test("what only begins like a handshake ends its own connection")
    func nonsense() throws {
        let fixture = try ServerFixture(tls: tls)
        let connection = try fixture.connect()
        try connection.send("\u{16}\u{3}\u{1}\u{0}\u{4}nonsense")
        // It may be told why, in TLS, before that.
        #expect(throws: RawConnection.Failure.self) { try connection.response() }
        #expect(try get(fixture) == 200)
    }

    @Test("plain HTTP on the same port is read by probes, and may ask nothing as a member")
    func plain() async throws {
        let fixture = try ServerFixture(access: .loopbackOnly, peers: .certificates, tls: tls)
        #expect(try fixture.get("/readyz").status == 200)
        let refused = try fixture.post(
            "/v1/peer/vote", #"{"candidate": "pg-2", "term": 1, "renewal": "x"}"#)
        #expect(refused.status == 401, "\(refused.body)")
        #expect(fixture.questions.isEmpty)
    }

    @Test("an expired certificate of a client is refused in the handshake, and one that holds is accepted")
    func expired() async throws {
        let fixture = try ServerFixture(tls: tls)
        let good = try await authority.issue("pg-2", for: ["DNS:pg-2"])
        let old = try await authority.issue("pg-3", for: ["DNS:pg-3"], expired: true)
        #expect(try get(fixture, by: good) == 200)
        #expect(throws: HTTPError.self) { try get(fixture, by: old) }
        #expect(try get(fixture) == 200)
    }

    @Test("a server whose own certificate has expired is refused by members, and trusted again once it is replaced")
    func expiredServer() async throws {
        let fixture = try ServerFixture(tls: tls)
        let client = HTTPClient(name: "secure")
        let request = HTTPRequest(
            url: "https://127.0.0.1:\(fixture.port)/healthz", tls: HTTPTLS(caFile: authority.authority))
        #expect(try client.sendAndWait(request).status == 200)
        try tls.replace(try Self.material(try await authority.issue("old", expired: true), authority))
        // The connection of before ends with its next answer; a new one is judged by the new certificate.
        _ = try? client.sendAndWait(request)
        #expect {
            try client.sendAndWait(request)
        } throws: { error in
            guard case HTTPError.tls(let reason) = error else { return false }
            return reason.contains("expired")
        }
        try tls.replace(try Self.material(try await authority.issue("new"), authority))
        #expect(try client.sendAndWait(request).status == 200)
    }
}
