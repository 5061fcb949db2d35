import Glibc
import NIOHTTP1
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct ControlGateTests {
    private func token(_ value: String?) -> ControlAccess { .token { value } }

    @Test("with a token, the right one passes and anything else is 401")
    func token() throws {
        let fixture = try ServerFixture(access: token("s3cret"))
        fixture.onControl { _, reply in reply(.accepted(id: "1")) }
        #expect(try fixture.switchover(headers: ["Authorization: Bearer s3cret"]).status == 202)
        #expect(try fixture.switchover(headers: ["authorization: bearer  s3cret"]).status == 202)
        let refused = [
            [], ["Authorization: Bearer s3cres"], ["Authorization: Bearer s3cret2"], ["Authorization: Bearer s3cre"],
            ["Authorization: Basic s3cret"], ["Authorization: Bearer"], ["Authorization: Bearer s3crets3cret"],
            ["Authorization: Bearer s3cret", "Authorization: Bearer s3cret"],
        ]
        for headers in refused {
            let response = try fixture.switchover(headers: headers)
            #expect(response.status == 401, "\(headers)")
            #expect(response.headers["www-authenticate"] == "Bearer")
            #expect(!response.body.contains("s3cret"))
        }
        #expect(fixture.requests.count == 2)
    }

    @Test("a token that cannot be read, or is empty, refuses everybody", arguments: [nil, ""])
    func noToken(value: String?) throws {
        let fixture = try ServerFixture(access: token(value))
        #expect(try fixture.switchover(headers: ["Authorization: Bearer "]).status == 401)
        #expect(try fixture.switchover().status == 401)
        #expect(fixture.requests.isEmpty)
    }

    @Test("a token that changes counts from the next request on")
    func rotation() throws {
        let token = Held("old")
        let fixture = try ServerFixture(access: .token { token.current })
        fixture.onControl { _, reply in reply(.accepted(id: "1")) }
        #expect(try fixture.switchover(headers: ["Authorization: Bearer old"]).status == 202)
        token.change { $0 = "new" }
        #expect(try fixture.switchover(headers: ["Authorization: Bearer old"]).status == 401)
        #expect(try fixture.switchover(headers: ["Authorization: Bearer new"]).status == 202)
    }

    @Test("reading needs no credentials")
    func reading() throws {
        let fixture = try ServerFixture(access: token("s3cret"))
        for path in ["/healthz", "/readyz", "/startupz", "/metrics", "/v1/status", "/v1/cluster"] {
            #expect(try fixture.get(path).status == 200)
        }
    }

    @Test(
        "without a token, loopback may not be borrowed by a browser or a proxy",
        arguments: ["Origin: http://evil.example", "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9"])
    func borrowed(header: String) throws {
        let fixture = try ServerFixture()
        #expect(try fixture.switchover(headers: [header]).status == 403)
        #expect(fixture.requests.isEmpty)
    }

    @Test("without a token, a peer that is not on loopback, or not known, may change nothing")
    func remote() throws {
        let gate = ControlGate(access: .loopbackOnly)
        let head = HTTPRequestHead(version: .http1_1, method: .POST, uri: "/v1/switchover")
        let request = ManagementRequest(head: head, body: [], peerIsLocal: false)
        #expect(gate.refusal(of: request)?.status == .forbidden)
        #expect(gate.refusal(of: ManagementRequest(head: head, body: [], peerIsLocal: true)) == nil)
    }

    @Test(
        "loopback is recognised in both families, mapped addresses included",
        arguments: [
            ("127.0.0.1", true), ("127.8.9.1", true), ("::1", true), ("::ffff:127.0.0.1", true), (nil, false),
            ("10.0.0.127", false), ("192.0.2.2", false), ("::2", false), ("fe80::1", false), ("::ffff:10.0.0.1", false),
            ("", false),
        ] as [(String?, Bool)])
    func loopback(address: String?, isLoopback: Bool) {
        #expect(ConnectionHandler.isLoopback(address) == isLoopback)
    }

    @Test("a peer that comes by another address of this machine is not on loopback")
    func otherAddress() throws {
        guard let address = Self.otherAddress() else { return }
        let fixture = try ServerFixture(host: "0.0.0.0")
        let connection = try RawConnection(port: fixture.port, address: address)
        try connection.send(ServerFixture.switchoverRequest())
        #expect(try connection.response().status == 403)
    }

    /// An IPv4 address of this machine that is not on loopback; nil when there is none.
    private static func otherAddress() -> String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr, address.pointee.sa_family == AF_INET else { continue }
            var name = [UInt8](repeating: 0, count: Int(INET_ADDRSTRLEN))
            let text = address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                name.withUnsafeMutableBytes { bytes -> Bool in
                    inet_ntop(
                        AF_INET, &address.pointee.sin_addr, bytes.bindMemory(to: CChar.self).baseAddress,
                        socklen_t(INET_ADDRSTRLEN)) != nil
                }
            }
            let result = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
            if text, !result.hasPrefix("127.") { return result }
        }
        return nil
    }

    @Test("tokens are compared as a whole")
    func comparison() {
        #expect(BearerToken.constantTimeEqual("abc", "abc"))
        #expect(!BearerToken.constantTimeEqual("abc", "abd"))
        #expect(!BearerToken.constantTimeEqual("xbc", "abc"))
        #expect(!BearerToken.constantTimeEqual("ab", "abc"))
        #expect(!BearerToken.constantTimeEqual("abcabc", "abc"))
        #expect(!BearerToken.constantTimeEqual("", ""))
    }
}
