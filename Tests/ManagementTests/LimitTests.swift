import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct LimitTests {
    private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    /// Many requests for much, each so long that only few of them fit into one read.
    private static let scrapes = String(
        repeating: "GET /metrics HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 1000))\r\n\r\n", count: 100)

    private func refused(_ request: String, status: Int, limits: ManagementLimits = ManagementLimits()) throws {
        let fixture = try ServerFixture(limits: limits)
        let connection = try fixture.connect()
        try connection.send(request)
        let response = try connection.response()
        #expect(response.status == status)
        #expect(response.body.contains(#"{"error":"#))
        #expect(response.headers["connection"] == "close")
        #expect(try connection.isClosed())
        #expect(fixture.requests.isEmpty)
        #expect(try fixture.get("/healthz").status == 200)
    }

    @Test(
        "what is not HTTP/1 is refused, and the connection ends",
        arguments: [
            ("nonsense\r\n\r\n", 400), ("GET /healthz HTTP/2.0\r\nHost: x\r\n\r\n", 505),
            ("GET /healthz HTTP/1.1\r\n\r\n", 400), ("GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
            ("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: a\r\n\r\n", 400),
            (
                "POST /v1/switchover HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
                400
            ),
            ("GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: a-miracle\r\n\r\n", 417),
            ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{FC}", 400),
        ])
    func garbage(request: String, status: Int) throws {
        try refused(request, status: status)
    }

    @Test("a header beyond its limit is refused while it comes, whatever it is made of")
    func headers() throws {
        let field = String(repeating: "a", count: 20 << 10)
        try refused("GET /healthz HTTP/1.1\r\nHost: x\r\nA: \(field)", status: 431)
        try refused("GET /\(field)", status: 431)
        let many = (0..<100).map { "A\($0): b\r\n" }.joined()
        try refused("GET /healthz HTTP/1.1\r\nHost: x\r\n\(many)\r\n", status: 431)
        let large = (0..<40).map { "A\($0): \(field.prefix(500))\r\n" }.joined()
        try refused("GET /healthz HTTP/1.1\r\nHost: x\r\n\(large)\r\n", status: 431)
    }

    @Test("a body beyond its limit is refused, announced or not, and the client reads why while it still sends")
    func bodies() throws {
        let body = String(repeating: "x", count: 100 << 10)
        try refused(ServerFixture.switchoverRequest(body), status: 413)
        let head = "POST /v1/switchover HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        try refused(head + "19000\r\n" + body + "\r\n0\r\n\r\n", status: 413)
        try refused(
            ServerFixture.switchoverRequest(body, headers: ["Expect: 100-continue"]).replacing(body, with: ""),
            status: 413)
    }

    @Test(
        "a request that trickles in is ended with 408, in its header as in its body",
        arguments: [
            "GET /healthz HTTP/1.1\r\nHost: x\r\nA: ", ServerFixture.switchoverRequest("{} ").dropLast().description,
        ])
    func trickle(start: String) throws {
        var limits = ManagementLimits()
        limits.request = .seconds(1)
        let fixture = try ServerFixture(limits: limits)
        let connection = try fixture.connect()
        // A second, partial request behind a whole one is as late as a first.
        try connection.send(Self.health)
        _ = try connection.response()
        try connection.send(start)
        for _ in 0..<5 {
            _ = Poll.wait([], until: BootClock.now() + .milliseconds(20))
            if start.hasPrefix("GET") { try connection.send("T") }
        }
        #expect(try connection.response().status == 408)
        #expect(try connection.isClosed())
    }

    @Test("a connection that says nothing is closed, from the start and between two requests")
    func silence() throws {
        var limits = ManagementLimits()
        limits.request = .milliseconds(100)
        limits.idle = .milliseconds(200)
        let fixture = try ServerFixture(limits: limits)
        #expect(try fixture.connect().isClosed())
        let connection = try fixture.connect()
        try connection.send(Self.health)
        _ = try connection.response()
        #expect(try connection.isClosed())
    }

    @Test("beyond the cap, the connection that has waited longest makes room")
    func eviction() async throws {
        var limits = ManagementLimits()
        limits.connections = 3
        limits.request = .seconds(60)
        let fixture = try ServerFixture(limits: limits)
        var idle: [RawConnection] = []
        for count in 1...3 {
            idle.append(try fixture.connect())
            try await eventually { fixture.server.connectionCount == count }
        }
        // The first becomes the one that has waited least.
        try idle[0].send(Self.health)
        #expect(try idle[0].response().status == 200)
        #expect(try fixture.get("/healthz").status == 200)
        #expect(try idle[1].isClosed())
        try idle[0].send(Self.health)
        #expect(try idle[0].response().status == 200)
    }

    @Test("beyond the cap, a connection is closed when all others are at work")
    func cap() async throws {
        var limits = ManagementLimits()
        limits.connections = 2
        let fixture = try ServerFixture(limits: limits)
        let replies = Held<[@Sendable (ControlAnswer) -> Void]>([])
        fixture.onControl { _, reply in replies.change { $0.append(reply) } }
        let busy = [try fixture.connect(), try fixture.connect()]
        for connection in busy { try connection.send(ServerFixture.switchoverRequest()) }
        try await eventually { fixture.requests.count == 2 }
        #expect(try fixture.connect().isClosed())
        for reply in replies.current { reply(.accepted(id: "1")) }
        for connection in busy { #expect(try connection.response().status == 202) }
    }

    @Test("a client that reads nothing is not read from any further, is closed in time, and hinders nobody")
    func slowReader() async throws {
        var limits = ManagementLimits()
        limits.response = .seconds(1)
        let fixture = try ServerFixture(limits: limits)
        let connection = try fixture.connect(receiveBuffer: 4096)
        #expect(connection.sendUntilFull(Self.scrapes) < 100 * Self.scrapes.utf8.count)
        #expect(try fixture.get("/healthz").status == 200)
        try await eventually { fixture.server.connectionCount == 0 }
        withExtendedLifetime(connection) {}
    }

    @Test("clients that read nothing do not keep a probe out")
    func slowReaders() throws {
        var limits = ManagementLimits()
        limits.connections = 1
        let fixture = try ServerFixture(limits: limits)
        let connection = try fixture.connect(receiveBuffer: 4096)
        _ = connection.sendUntilFull(Self.scrapes)
        #expect(try fixture.get("/healthz").status == 200)
        withExtendedLifetime(connection) {}
    }

    @Test("a client that sends too many requests ahead of an answer is cut off")
    func hoarding() async throws {
        var limits = ManagementLimits()
        limits.pipelinedRequests = 8
        let fixture = try ServerFixture(limits: limits)
        let patient = try fixture.connect()
        try patient.send(ServerFixture.switchoverRequest() + String(repeating: Self.health, count: 8))
        let hasty = try fixture.connect()
        try hasty.send(ServerFixture.switchoverRequest() + String(repeating: Self.health, count: 9))
        #expect(try hasty.isClosed())
        try await eventually { fixture.server.connectionCount == 1 }
    }
}
