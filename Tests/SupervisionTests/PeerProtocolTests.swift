import ClusterModel
import Management
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Supervision

/// The client of one member against the management interface of another.
@Suite("Members ask each other", .ownThread)
struct PeerProtocolTests {
    static let incarnation = Incarnation(name: "pg-2", podUID: "u", bootID: "b")

    static func member(_ port: Int, name: MemberName = "pg-2") -> Member {
        Member(
            name: name, incarnation: incarnation, api: "http://127.0.0.1:\(port)", postgresHost: "127.0.0.1",
            postgresPort: 1)
    }

    static func server(
        secrets: [String], onPeer: @escaping PeerHandler
    ) throws -> (server: ManagementServer, port: Int) {
        var status = MemberStatus(cluster: "c", name: "pg-2", incarnation: incarnation, version: "1")
        status.vote = Vote(term: 4, renewal: "b.7")
        let snapshot = ManagementSnapshot(
            status: status, cluster: ClusterStatus(cluster: "c"), loopHeartbeat: BootClock.now())
        let server = ManagementServer(
            configuration: ManagementConfiguration(
                host: "127.0.0.1", port: 0, access: .loopbackOnly, peers: .secrets { secrets }),
            metrics: MemberMetrics(), now: { BootClock.now() }, snapshot: { snapshot },
            onControl: { _, reply in reply(.unavailable(reason: "none of this test")) }, onPeer: onPeer)
        return (server, try server.start())
    }

    /// A poller with these secrets in its file, and what comes into its mailbox.
    static func withPoller(
        secret: String?, _ body: (PeerPoller, Mailbox<Message>) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/secret"
        var file: SecretFile?
        if let secret {
            try Files.writeDurably(Array(secret.utf8), to: path)
            file = SecretFile(path: path, limit: 4)
            file?.refresh()
        }
        let mailbox = try Mailbox<Message>(capacity: 16)
        let poller = PeerPoller(mailbox: mailbox, secret: file)
        try await body(poller, mailbox)
        poller.stop()
    }

    static func next(_ mailbox: Mailbox<Message>) throws -> Message? {
        _ = Poll.wait([mailbox.wakeDescriptor], until: BootClock.now() + .seconds(10))
        return mailbox.drain().first
    }

    @Test("a report comes with the vote in it, dated from before it was asked for")
    func report() async throws {
        let (server, port) = try Self.server(secrets: ["s3cret"]) { _, reply in reply(nil) }
        defer { server.stop() }
        try await Self.withPoller(secret: "s3cret\nold\n") { poller, mailbox in
            let before = BootClock.now()
            poller.ask(Self.member(port), within: .seconds(5))
            guard case .peerAnswered(let name, let status, let at) = try #require(try Self.next(mailbox)) else {
                throw Unexpected()
            }
            #expect(name == "pg-2")
            #expect(status.vote == Vote(term: 4, renewal: "b.7"))
            #expect(at >= before)
        }
    }

    @Test("a question for consent and one for a vote reach the other side whole, and so do the answers")
    func questions() async throws {
        let consent = PeerRequest.consent(
            ConsentRequest(
                holder: Incarnation(name: "pg-1", podUID: "p", bootID: "q"), term: 9, round: 41,
                durationMilliseconds: 6000))
        let vote = PeerRequest.vote(VoteRequest(candidate: "pg-3", term: 9, renewal: "q.17"))
        let seen = Mutex<[PeerRequest]>([])
        let (server, port) = try Self.server(secrets: ["new", "old"]) { request, reply in
            seen.withLock { $0.append(request) }
            reply(PeerAnswer(granted: request == consent, reason: request == consent ? "" : "no", round: 41))
        }
        defer { server.stop() }
        try await Self.withPoller(secret: "old") { poller, mailbox in
            for request in [consent, vote] {
                poller.request(request, of: Self.member(port), within: .seconds(5))
                guard case .peerReplied(_, let asked, let result) = try #require(try Self.next(mailbox)) else {
                    throw Unexpected()
                }
                #expect(asked == request)
                #expect(try result.get().granted == (request == consent))
                #expect(try result.get().round == 41)
            }
        }
        #expect(seen.withLock { $0 } == [consent, vote])
    }

    @Test("a wrong secret gets no answer, and the other side is not asked")
    func wrongSecret() async throws {
        let asked = Mutex(false)
        let (server, port) = try Self.server(secrets: ["right"]) { _, reply in
            asked.withLock { $0 = true }
            reply(PeerAnswer(granted: true, reason: ""))
        }
        defer { server.stop() }
        for secret in ["wrong", nil] {
            try await Self.withPoller(secret: secret) { poller, mailbox in
                let vote = PeerRequest.vote(VoteRequest(candidate: "pg-3", term: 9, renewal: "q.17"))
                poller.request(vote, of: Self.member(port), within: .seconds(5))
                guard case .peerReplied(_, _, .failure(let failure)) = try #require(try Self.next(mailbox)) else {
                    throw Unexpected()
                }
                #expect(failure.isRefusal)
                #expect(failure.reason.contains("401"))
            }
        }
        #expect(!asked.withLock { $0 })
    }

    @Test("who does not answer fails the question by its deadline, and cannot pile questions up")
    func silence() async throws {
        // Accepted by the kernel, and never read by anybody.
        let port = try FreePort.take()
        let listener = try SilentListener(port: port)
        defer { listener.close() }
        try await Self.withPoller(secret: "s") { poller, mailbox in
            let vote = PeerRequest.vote(VoteRequest(candidate: "pg-3", term: 9, renewal: "q.17"))
            for _ in 0..<10 { poller.request(vote, of: Self.member(port), within: .milliseconds(300)) }
            var replies = 0
            let end = BootClock.now() + .seconds(10)
            while replies < 2, BootClock.now() < end {
                _ = Poll.wait([mailbox.wakeDescriptor], until: end)
                for message in mailbox.drain() {
                    guard case .peerReplied(_, _, .failure(let failure)) = message else { throw Unexpected() }
                    #expect(!failure.isRefusal)
                    replies += 1
                }
            }
            _ = Poll.wait([mailbox.wakeDescriptor], until: BootClock.now() + .milliseconds(400))
            #expect(replies + mailbox.drain().count == 2)
        }
    }
}
