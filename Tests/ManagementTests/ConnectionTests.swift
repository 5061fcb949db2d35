import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct ConnectionTests {
    private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("a connection serves one request after another, also after the time that a single one may take")
    func keepAlive() async throws {
        var limits = ManagementLimits()
        limits.request = .milliseconds(100)
        let fixture = try ServerFixture(limits: limits)
        let connection = try fixture.connect()
        for _ in 0..<3 {
            try connection.send(Self.health)
            let response = try connection.response()
            #expect(response.status == 200)
            #expect(response.headers["connection"] == nil)
            try await Task.sleep(for: .milliseconds(150))
        }
    }

    @Test("requests that are sent ahead are answered in their order")
    func pipelining() throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        let paths = ["/healthz", "/nothing", "/readyz", "/startupz"]
        try connection.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: x\r\n\r\n" }.joined())
        let bodies = try paths.map { _ in try connection.response().body }
        for (body, word) in zip(bodies, ["alive", "nothing", "ready", "started"]) { #expect(body.contains(word)) }
    }

    @Test("a request behind one that the supervisor thinks about waits for its turn")
    func pipelinedCommand() throws {
        let fixture = try ServerFixture()
        let supervisor = try WorkerThread(name: "supervisor")
        fixture.onControl { _, reply in
            supervisor.submit {
                _ = Poll.wait([], until: BootClock.now() + .milliseconds(50))
                reply(.accepted(id: "slow"))
            }
        }
        let connection = try fixture.connect()
        try connection.send(ServerFixture.switchoverRequest() + Self.health)
        #expect(try connection.response().body.contains("slow"))
        #expect(try connection.response().body.contains("alive"))
    }

    @Test("hundreds of requests sent ahead are all answered")
    func longPipeline() throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        try connection.send(String(repeating: Self.health, count: 500))
        for _ in 0..<500 { #expect(try connection.response().status == 200) }
    }

    @Test("HEAD is answered as GET, without the body")
    func head() throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        try connection.send("HEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n" + Self.health)
        let head = try connection.response(toHead: true)
        #expect(head.status == 200)
        #expect(head.headers["content-length"] == "45")
        #expect(try connection.response().body.contains("alive"))
    }

    @Test(
        "the connection ends when the client wants it to, and HTTP/1.0 clients do unless they say otherwise",
        arguments: ["GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "GET /healthz HTTP/1.0\r\n\r\n"])
    func closing(request: String) throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        try connection.send(request)
        let response = try connection.response()
        #expect(response.status == 200)
        #expect(response.headers["connection"] == "close")
        #expect(try connection.isClosed())
    }

    @Test("an HTTP/1.0 client may ask for more requests")
    func oldKeepAlive() throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        for _ in 0..<2 {
            try connection.send("GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(try connection.response().headers["connection"] == "keep-alive")
        }
    }

    @Test("a request for another protocol is answered in this one, and ends the connection")
    func upgrade() throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        try connection.send(
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                + "HTTP2-Settings: AAMAAABk\r\n\r\n")
        let response = try connection.response()
        #expect(response.status == 200)
        #expect(response.headers["connection"] == "close")
        #expect(try connection.isClosed())
    }

    @Test("an unknown path is 404 and names the known ones")
    func unknownPath() throws {
        let fixture = try ServerFixture()
        for path in ["/", "/healthz/", "/HEALTHZ", "/v1/switchover/1", "*"] {
            let response = try fixture.get(path)
            #expect(response.status == 404, "\(path)")
            #expect(response.body.contains("/v1/cluster"))
        }
    }

    @Test("a method that does not fit is 405 and says which does")
    func method() throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        try connection.send("DELETE /v1/status HTTP/1.1\r\nHost: x\r\n\r\n")
        let response = try connection.response()
        #expect(response.status == 405)
        #expect(response.headers["allow"] == "GET, HEAD")
        let command = try fixture.get("/v1/switchover")
        #expect(command.status == 405)
        #expect(command.headers["allow"] == "POST, DELETE")
    }

    @Test("a client that waits for 100 Continue gets it, and then its answer")
    func expectation() throws {
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in reply(.accepted(id: "1")) }
        let connection = try fixture.connect()
        let request = ServerFixture.switchoverRequest(#"{"to":"pg-2"}"#, headers: ["Expect: 100-continue"])
        let body = request.suffix(13)
        try connection.send(String(request.dropLast(13)))
        #expect(try connection.response().status == 100)
        try connection.send(String(body))
        #expect(try connection.response().status == 202)
        #expect(fixture.requests == [.switchover(SwitchoverCommand(to: "pg-2"))])
    }

    @Test("a body may come in chunks, and in pieces of them")
    func chunks() async throws {
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in reply(.accepted(id: "1")) }
        let connection = try fixture.connect()
        let pieces = [
            "POST /v1/switchover HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n",
            "Transfer-Encoding: chunked\r\n\r\n6\r\n{\"to\":\r\n7", "\r\n\"pg-2\"}\r\n", "0\r\n\r\n",
        ]
        for piece in pieces {
            try connection.send(piece)
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(try connection.response().status == 202)
        #expect(fixture.requests == [.switchover(SwitchoverCommand(to: "pg-2"))])
    }
}
