import ClusterModel
import FoundationEssentials
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct PeerTests {
    private let consent =
        #"{"holder":"pg-1/uid/boot","term":5,"round":2,"durationMilliseconds":6000,"later":"unknown keys are left"}"#
    private let vote = #"{"candidate":"pg-2","term":5,"renewal":"r-9"}"#
    private let right = ["Authorization: Bearer s3cret"]

    private func sharing(_ secrets: [String], limits: ManagementLimits = ManagementLimits()) throws -> ServerFixture {
        try ServerFixture(peers: .secrets { secrets }, limits: limits)
    }

    @Test("a question arrives as it was asked, and the answer comes back")
    func questions() throws {
        let fixture = try sharing(["s3cret"])
        fixture.onPeer { _, reply in reply(PeerAnswer(granted: false, reason: "I lead", round: 2)) }
        for (path, body) in [("/v1/peer/consent", consent), ("/v1/peer/vote", vote)] {
            let response = try fixture.post(path, body, headers: right)
            #expect(response.status == 200)
            let answer = try JSONDecoder().decode(PeerAnswer.self, from: Data(response.body.utf8))
            #expect(answer == PeerAnswer(granted: false, reason: "I lead", round: 2))
        }
        let holder = Incarnation(name: "pg-1", podUID: "uid", bootID: "boot")
        #expect(
            fixture.questions == [
                .consent(ConsentRequest(holder: holder, term: 5, round: 2, durationMilliseconds: 6000)),
                .vote(VoteRequest(candidate: "pg-2", term: 5, renewal: "r-9")),
            ])
    }

    @Test("what this room sends is what it understands")
    func roundTrip() throws {
        let holder = Incarnation(name: "pg-1", podUID: "uid", bootID: "boot")
        let question = ConsentRequest(holder: holder, term: 5, round: 2, durationMilliseconds: 6000)
        let body = try #require(JSONBody.encode(question))
        #expect(try JSONBody.decode(ConsentRequest.self, body) == question)
    }

    @Test("without the members' secret nobody is answered, and nobody hears what the member says of itself")
    func secret() throws {
        let fixture = try sharing(["s3cret"])
        for headers in [[], ["Authorization: Bearer s3cre"], ["Authorization: Basic s3cret"], right + right] {
            #expect(try fixture.post("/v1/peer/consent", consent, headers: headers).status == 401)
            #expect(try fixture.post("/v1/peer/vote", vote, headers: headers).status == 401)
            let response = try fixture.get("/v1/peer", headers: headers)
            #expect(response.status == 401)
            #expect(!response.body.contains("s3cret"))
        }
        #expect(fixture.questions.isEmpty)
        #expect(try fixture.get("/v1/peer", headers: right).status == 200)
        #expect(try fixture.get("/v1/status").status == 200)
    }

    @Test("the bearer token of operators is no secret of the members, nor the other way round")
    func apart() throws {
        let fixture = try ServerFixture(access: .token { "operator" }, peers: .secrets { ["s3cret"] })
        #expect(try fixture.post("/v1/peer/vote", vote, headers: ["Authorization: Bearer operator"]).status == 401)
        #expect(try fixture.post("/v1/pause", headers: right).status == 401)
    }

    @Test("while the secret is changed, the old and the new one pass")
    func rotation() throws {
        let secrets = Held(["old"])
        let fixture = try ServerFixture(peers: .secrets { secrets.current })
        func status(_ secret: String) throws -> Int {
            try fixture.get("/v1/peer", headers: ["Authorization: Bearer \(secret)"]).status
        }
        #expect(try status("old") == 200 && status("new") == 401)
        secrets.change { $0 = ["new", "old"] }
        #expect(try status("old") == 200 && status("new") == 200)
        secrets.change { $0 = ["new"] }
        #expect(try status("old") == 401 && status("new") == 200)
        secrets.change { $0 = [] }
        #expect(try status("new") == 401 && status("") == 401)
    }

    @Test("a member that shares no secret says so, and what it says of itself is open")
    func closed() throws {
        let fixture = try ServerFixture()
        let response = try fixture.post("/v1/peer/vote", vote, headers: right)
        #expect(response.status == 403)
        #expect(response.body.contains("peers.secretFile"))
        #expect(fixture.questions.isEmpty)
        let status = try JSONDecoder().decode(MemberStatus.self, from: Data(try fixture.get("/v1/peer").body.utf8))
        #expect(status.name == "pg-1" && status.role == .primary)
    }

    @Test("what a member says of itself is brought to the moment of the answer")
    func broughtToNow() throws {
        let fixture = try ServerFixture()
        fixture.advance(.milliseconds(4001))
        let status = try JSONDecoder().decode(MemberStatus.self, from: Data(try fixture.get("/v1/peer").body.utf8))
        #expect(status.role == .replica && status.leaseRemainingMilliseconds == 0)
    }

    @Test(
        "a question that is not understood is 400 and reaches nobody",
        arguments: ["", "{}", "[]", #"{"candidate":"pg-2","term":-1,"renewal":"r"}"#, #"{"consent":{}}"#])
    func misunderstood(body: String) throws {
        let fixture = try sharing(["s3cret"])
        #expect(try fixture.post("/v1/peer/consent", body, headers: right).status == 400)
        #expect(try fixture.post("/v1/peer/vote", body, headers: right).status == 400)
        #expect(fixture.questions.isEmpty)
    }

    @Test("a body beyond the limit is refused before it is read")
    func bounded() throws {
        let fixture = try sharing(["s3cret"])
        let body = String(repeating: " ", count: 17 << 10) + vote
        #expect(try fixture.post("/v1/peer/vote", body, headers: right).status == 413)
        #expect(fixture.questions.isEmpty)
    }

    @Test("who cannot answer now says so, and who does not answer is not waited for")
    func noAnswer() throws {
        var limits = ManagementLimits()
        limits.peer = .milliseconds(100)
        let fixture = try sharing(["s3cret"], limits: limits)
        #expect(try fixture.post("/v1/peer/vote", vote, headers: right).status == 504)
        fixture.onPeer { _, reply in reply(nil) }
        #expect(try fixture.post("/v1/peer/vote", vote, headers: right).status == 503)
    }
}
