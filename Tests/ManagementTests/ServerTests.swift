import ClusterModel
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct ServerTests {
    private func server(port: Int, host: String = "127.0.0.1") -> ManagementServer {
        let now = Instant(nanoseconds: 1)
        return ManagementServer(
            configuration: ManagementConfiguration(host: host, port: port, access: .loopbackOnly),
            metrics: MemberMetrics(), now: { now }, snapshot: { .primary(at: now) }, onControl: { _, _ in },
            onPeer: { _, _ in })
    }

    @Test("a port that is taken is an error that names it")
    func portTaken() throws {
        let fixture = try ServerFixture()
        let second = server(port: fixture.port)
        let error = try #require(throws: ManagementError.self) { try second.start() }
        #expect(error.description.contains("127.0.0.1 port \(fixture.port)"))
        #expect(error.description.contains("in use"))
    }

    @Test("a host that is none is an error that names it")
    func unknownHost() throws {
        let error = try #require(throws: ManagementError.self) { try server(port: 0, host: "192.0.2.999").start() }
        #expect(error.description.contains("192.0.2.999"))
    }

    @Test("stop closes every connection and gives the port free, twice does no harm, and start may follow")
    func stop() async throws {
        // An address of its own: a parallel test may be given the same port right away.
        let address = "127.53.7.1"
        let server = server(port: 0, host: address)
        let port = try server.start()
        let connection = try RawConnection(port: port, address: address)
        try connection.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try connection.response().status == 200)
        #expect(throws: ManagementError.self) { try server.start() }
        server.stop()
        server.stop()
        #expect(try connection.isClosed())
        // A process that another test starts holds a copy of the socket for a moment.
        try await eventually("the port is free") { (try? RawConnection(port: port, address: address)) == nil }
        #expect(server.connectionCount == 0)
        let again = try server.start()
        defer { server.stop() }
        _ = try RawConnection(port: again, address: address)
    }

    @Test("an answer of the supervisor after the end goes nowhere")
    func answerAfterStop() async throws {
        let replies = Held<[@Sendable (ControlAnswer) -> Void]>([])
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in
            replies.change { $0.append(reply) }
        }
        let connection = try fixture.connect()
        try connection.send(ServerFixture.switchoverRequest())
        try await eventually { !fixture.requests.isEmpty }
        fixture.server.stop()
        for reply in replies.current { reply(.accepted(id: "1")) }
        #expect(try connection.isClosed())
    }
}
