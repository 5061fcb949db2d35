import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct SwitchoverTests {
    private static let health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("an accepted request is answered with its id, and the command arrives as it was sent")
    func accepted() throws {
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in reply(.accepted(id: "sw-7")) }
        let response = try fixture.switchover(#"{"from":"pg-1","to":"pg-2"}"#)
        #expect(response.status == 202)
        #expect(response.body == #"{"id":"sw-7"}"# + "\n")
        #expect(fixture.requests == [.switchover(SwitchoverCommand(from: "pg-1", to: "pg-2"))])
    }

    @Test("no body, and an empty object, ask for the best candidate", arguments: ["", "{}", #"{"to":null}"#])
    func anyCandidate(body: String) throws {
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in reply(.accepted(id: "1")) }
        #expect(try fixture.switchover(body).status == 202)
        #expect(fixture.requests == [.switchover(SwitchoverCommand())])
    }

    @Test("a refusal is 409 with reason and hint, and what cannot be decided now is 503")
    func refused() throws {
        let fixture = try ServerFixture()
        fixture.onControl { command, reply in
            reply(
                command == .switchover(SwitchoverCommand())
                    ? .unavailable(reason: "busy") : .refused(reason: "pg-9 is no member", hint: "members: pg-1 pg-2"))
        }
        let refused = try fixture.switchover(#"{"to":"pg-9"}"#)
        #expect(refused.status == 409)
        #expect(refused.body == #"{"error":"pg-9 is no member","hint":"members: pg-1 pg-2"}"# + "\n")
        #expect(try fixture.switchover().status == 503)
    }

    @Test("the answer may come from another thread, and only the first one counts")
    func otherThread() throws {
        let fixture = try ServerFixture()
        let supervisor = try WorkerThread(name: "supervisor")
        fixture.onControl { _, reply in
            supervisor.submit {
                reply(.accepted(id: "first"))
                reply(.accepted(id: "second"))
            }
        }
        let connection = try fixture.connect()
        for _ in 0..<3 {
            try connection.send(ServerFixture.switchoverRequest())
            #expect(try connection.response().body == #"{"id":"first"}"# + "\n")
        }
    }

    @Test("without an answer in time the client is told so, and an answer that comes later goes to nobody")
    func unanswered() throws {
        var limits = ManagementLimits()
        limits.command = .milliseconds(100)
        let fixture = try ServerFixture(limits: limits)
        let replies = Held<[@Sendable (ControlAnswer) -> Void]>([])
        fixture.onControl { _, reply in replies.change { $0.append(reply) } }
        let connection = try fixture.connect()
        try connection.send(ServerFixture.switchoverRequest())
        #expect(try connection.response().status == 504)
        let late = try #require(replies.current.first)
        late(.accepted(id: "late"))
        try connection.send(Self.health)
        #expect(try connection.response().body.contains("alive"))
    }

    @Test("an answer that comes too late is not taken for that to the next request")
    func lateAnswer() async throws {
        var limits = ManagementLimits()
        limits.command = .seconds(3)
        let fixture = try ServerFixture(limits: limits)
        let replies = Held<[@Sendable (ControlAnswer) -> Void]>([])
        fixture.onControl { _, reply in replies.change { $0.append(reply) } }
        let connection = try fixture.connect()
        try connection.send(ServerFixture.switchoverRequest())
        #expect(try connection.response().status == 504)
        try connection.send(ServerFixture.switchoverRequest())
        try await eventually { replies.current.count == 2 }
        replies.current[0](.accepted(id: "late"))
        replies.current[1](.accepted(id: "second"))
        #expect(try connection.response().body.contains("second"))
    }

    @Test("while the supervisor thinks, probes are answered at once")
    func probesMeanwhile() throws {
        let fixture = try ServerFixture()
        let waiting = try fixture.connect()
        try waiting.send(ServerFixture.switchoverRequest())
        #expect(try fixture.get("/healthz").status == 200)
        withExtendedLifetime(waiting) {}
    }

    @Test("a client that is gone when the answer comes harms nobody")
    func clientGone() async throws {
        let fixture = try ServerFixture()
        let replies = Held<[@Sendable (ControlAnswer) -> Void]>([])
        fixture.onControl { _, reply in replies.change { $0.append(reply) } }
        do {
            let connection = try fixture.connect()
            try connection.send(ServerFixture.switchoverRequest())
            try await eventually { !fixture.requests.isEmpty }
        }
        try await eventually { fixture.server.connectionCount == 0 }
        for reply in replies.current { reply(.accepted(id: "1")) }
        #expect(try fixture.get("/healthz").status == 200)
    }

    @Test(
        "a body that is not understood is 400 and reaches nobody",
        arguments: [
            #"{"target":"pg-2"}"#, #"{"to":""}"#, #"{"to":7}"#, "[]", "{", "pg-2",
        ])
    func misunderstood(body: String) throws {
        let fixture = try ServerFixture()
        let response = try fixture.switchover(body)
        #expect(response.status == 400)
        #expect(response.body.contains(#""hint":"#))
        #expect(fixture.requests.isEmpty)
    }

    @Test(
        "only JSON is taken, also without a body", arguments: [nil, "text/plain", "application/x-www-form-urlencoded"])
    func mediaType(contentType: String?) throws {
        let fixture = try ServerFixture()
        #expect(try fixture.switchover("", contentType: contentType).status == 415)
        #expect(fixture.requests.isEmpty)
    }

    @Test("a media type may have parameters and any case")
    func mediaTypeParameters() throws {
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in reply(.accepted(id: "1")) }
        #expect(try fixture.switchover(contentType: "Application/JSON ; charset=utf-8").status == 202)
    }
}
