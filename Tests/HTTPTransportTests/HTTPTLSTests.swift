import HTTPTransport
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct HTTPTLSTests {
    @Test("an answer over TLS is as any other, and its connection is used again")
    func answer() async throws {
        let world = try await World()
        let client = HTTPClient()
        let opened = try (0..<3).map { _ in
            let response = try client.sendAndWait(world.request("/interim"))
            #expect(response.body == Array("ok".utf8))
            return response.openedConnection
        }
        #expect(opened == [true, false, false])
    }

    @Test("a server that nobody vouches for is refused, and the message says whom we trust and what is wrong")
    func untrusted() async throws {
        let world = try await World()
        let other = try await TestCertificates()
        let reason = try failure(world.request(tls: HTTPTLS(caFile: other.authority)))
        #expect(reason.contains(other.authority) && reason.contains("local issuer certificate"), "\(reason)")
        let bySystem = try failure(world.request(tls: HTTPTLS()))
        #expect(bySystem.contains("the system's authorities") && bySystem.contains("certificate"), "\(bySystem)")
        #expect(world.server.received.isEmpty)
    }

    @Test("a certificate for another host is refused by name")
    func hostName() async throws {
        let world = try await World(for: ["DNS:elsewhere.example"])
        let reason = try failure(world.request())
        #expect(reason.contains("subject name") && reason.contains("127.0.0.1"), "\(reason)")
        #expect(world.server.received.isEmpty)
    }

    @Test("an expired certificate is refused as such")
    func expired() async throws {
        let world = try await World(expired: true)
        let reason = try failure(world.request())
        #expect(reason.contains("expired"), "\(reason)")
        #expect(world.server.received.isEmpty)
    }

    @Test("a server that asks for a client certificate gets ours, and refuses none or another's with a clear message")
    func mutual() async throws {
        let clients = try await TestCertificates()
        let world = try await World(clientAuthority: clients.authority)
        let own = try await clients.issue("client", for: [])
        var tls = HTTPTLS(
            caFile: world.certificates.authority, certificateFile: own.certificate, keyFile: own.key)
        #expect(try HTTPClient().sendAndWait(world.request(tls: tls)).status == 200)

        let none = try failure(world.request())
        #expect(none.contains("without certificate") && none.contains("certificate required"), "\(none)")
        let foreign = try await world.certificates.issue("foreign", for: [])
        tls.certificateFile = foreign.certificate
        tls.keyFile = foreign.key
        let refused = try failure(world.request(tls: tls))
        #expect(refused.contains(foreign.certificate) && refused.contains("unknown ca"), "\(refused)")
        #expect(world.server.received.count == 1)
    }

    @Test("files that cannot be used are named: missing, empty, no PEM, a key of another certificate")
    func files() async throws {
        let world = try await World()
        let directory = try TemporaryDirectory()
        let (empty, garbage) = (directory.file("empty"), directory.file("garbage"))
        try Files.writeDurably("".utf8, to: empty)
        try Files.writeDurably("no PEM".utf8, to: garbage)
        for file in [directory.file("missing"), empty, garbage] {
            let reason = try failure(world.request(tls: HTTPTLS(caFile: file)))
            #expect(reason.contains(file), "\(reason)")
        }
        let (one, two) = (try await world.certificates.issue("one"), try await world.certificates.issue("two"))
        let mixed = HTTPTLS(
            caFile: world.certificates.authority, certificateFile: one.certificate, keyFile: two.key)
        let reason = try failure(world.request(tls: mixed))
        #expect(reason.contains(one.certificate) && reason.contains(two.key), "\(reason)")
    }

    @Test("rotated files are used at once: no connection from before is used again")
    func rotation() async throws {
        let clients = try await TestCertificates()
        let world = try await World(clientAuthority: clients.authority)
        let own = try await clients.issue("client", for: [])
        let directory = try TemporaryDirectory()
        let tls = HTTPTLS(caFile: directory.file("ca"), certificateFile: directory.file("pem"))
        func install(_ authority: String, _ pair: TestCertificates.Pair) throws {
            try Files.writeDurably(try Files.read(authority), to: directory.file("ca"))
            let pem = try Files.read(pair.certificate) + Files.read(pair.key)
            try Files.writeDurably(pem, to: directory.file("pem"))
        }
        let client = HTTPClient()
        try install(world.certificates.authority, own)
        #expect(try client.sendAndWait(world.request(tls: tls)).openedConnection)
        #expect(try client.sendAndWait(world.request(tls: tls)).openedConnection == false)

        try install(world.certificates.authority, try await clients.issue("client-2", for: []))
        #expect(try client.sendAndWait(world.request(tls: tls)).openedConnection)
        // An authority that is trusted no more ends the trust, however good the connection is that we have.
        try install(clients.authority, own)
        #expect(throws: HTTPError.self) { try client.sendAndWait(world.request(tls: tls)) }
        try install(world.certificates.authority, own)
        #expect(try client.sendAndWait(world.request(tls: tls)).status == 200)
    }

    @Test("other settings never share a connection")
    func separation() async throws {
        let world = try await World()
        let client = HTTPClient()
        #expect(try client.sendAndWait(world.request()).status == 200)
        let other = try await TestCertificates()
        #expect(throws: HTTPError.self) {
            try client.sendAndWait(world.request(tls: HTTPTLS(caFile: other.authority)))
        }
        #expect(throws: HTTPError.self) { try client.sendAndWait(world.request(tls: HTTPTLS())) }
    }

    @Test("a server that speaks no TLS is told apart from one that is not there")
    func plain() async throws {
        let (server, certificates) = (try SmallServer(), try await TestCertificates())
        let tls = HTTPTLS(caFile: certificates.authority)
        let reason = try failure(HTTPRequest(url: "https://127.0.0.1:\(server.port)/garbage", tls: tls))
        #expect(reason.contains("SSL"), "\(reason)")
        let nobody = HTTPRequest(url: "https://127.0.0.1:\(try FreePort.take())/", tls: tls)
        #expect {
            try HTTPClient().sendAndWait(nobody)
        } throws: { error in
            guard case HTTPError.unreachable = error else { return false }
            return true
        }
    }

    /// The text of the `.tls` that the request must end with.
    private func failure(_ request: HTTPRequest) throws -> String {
        do {
            let response = try HTTPClient().sendAndWait(request)
            Issue.record("an answer \(response.status) instead of a refusal")
        } catch HTTPError.tls(let reason) {
            return reason
        } catch {
            Issue.record("\(error) is not told as TLS")
        }
        return ""
    }
}

/// A server behind TLS with a certificate of an authority of its own.
private struct World {
    let certificates: TestCertificates
    let server: SmallServer
    let front: TLSFront

    init(
        for alternatives: [String] = ["IP:127.0.0.1"], expired: Bool = false, clientAuthority: String? = nil
    ) async throws {
        certificates = try await TestCertificates()
        server = try SmallServer()
        let identity = try await certificates.issue("server", for: alternatives, expired: expired)
        front = try await TLSFront(to: server.port, identity, clientAuthority: clientAuthority)
    }

    /// To this server; trusting its authority unless told otherwise.
    func request(_ path: String = "/ok", tls: HTTPTLS? = nil) -> HTTPRequest {
        HTTPRequest(url: front.url + path, tls: tls ?? HTTPTLS(caFile: certificates.authority))
    }
}
