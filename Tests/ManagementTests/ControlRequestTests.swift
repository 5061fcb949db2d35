import ClusterModel
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct ControlRequestTests {
    @Test("every call arrives as what it means, and is answered with an id")
    func calls() throws {
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in reply(.accepted(id: "x-1")) }
        let posts: [(path: String, body: String, request: ControlRequest)] = [
            ("/v1/pause", "", .pause), ("/v1/resume", "{}", .resume),
            ("/v1/members/pg-2/fence", "", .fence("pg-2")), ("/v1/members/pg-2/unfence", "", .unfence("pg-2")),
            ("/v1/members/pg-2/restart", "", .restartMember("pg-2")),
            ("/v1/members/pg-2/reclone", "", .reclone("pg-2", from: nil)),
            ("/v1/members/pg-2/reclone", #"{"from":"pg-3"}"#, .reclone("pg-2", from: "pg-3")),
            ("/v1/restart", "", .restart(RestartCommand())),
            (
                "/v1/restart", #"{"onlyIfPending":true,"at":"2026-01-02T03:04:05Z"}"#,
                .restart(RestartCommand(onlyIfPending: true, at: 1_767_323_045_000))
            ),
            (
                "/v1/switchover", #"{"to":"pg-2","at":1767323045000,"force":true}"#,
                .switchover(SwitchoverCommand(to: "pg-2", at: 1_767_323_045_000, force: true))
            ),
        ]
        for (path, body, _) in posts {
            let response = try fixture.post(path, body)
            #expect(response.status == 202, "\(path)")
            #expect(response.body == #"{"id":"x-1"}"# + "\n")
        }
        #expect(fixture.requests == posts.map(\.request))
    }

    @Test("what is called off or removed is asked for with DELETE")
    func deletions() throws {
        let fixture = try ServerFixture()
        fixture.onControl { _, reply in reply(.done("it is off")) }
        let paths = [
            "/v1/switchover", "/v1/restart", "/v1/members/pg-3", "/v1/members/pg-3?force=false",
            "/v1/members/pg-3?force=true",
        ]
        for path in paths {
            let response = try fixture.delete(path)
            #expect(response.status == 200)
            #expect(response.body == #"{"status":"it is off"}"# + "\n")
        }
        #expect(
            fixture.requests == [
                .cancelSwitchover, .cancelRestart, .remove("pg-3", force: false), .remove("pg-3", force: false),
                .remove("pg-3", force: true),
            ])
    }

    @Test("a refusal says what force would lose, and what is not there is 404")
    func refusals() throws {
        let fixture = try ServerFixture()
        fixture.onControl { request, reply in
            reply(
                request == .cancelRestart
                    ? .notFound(reason: "no restart", hint: nil)
                    : .refused(reason: "pg-2 is behind", hint: "wait", wouldLoseBytes: 4096))
        }
        let refused = try fixture.switchover(#"{"to":"pg-2"}"#)
        #expect(refused.status == 409)
        #expect(refused.body == #"{"error":"pg-2 is behind","hint":"wait","wouldLoseBytes":4096}"# + "\n")
        let missing = try fixture.delete("/v1/restart")
        #expect(missing.status == 404)
        #expect(missing.body == #"{"error":"no restart"}"# + "\n")
    }

    @Test(
        "what is not understood is 400 and reaches nobody",
        arguments: [
            ("/v1/pause", #"{"for":"ever"}"#), ("/v1/restart", #"{"onlyIfPending":1}"#),
            ("/v1/restart", #"{"at":"tomorrow"}"#), ("/v1/restart", #"{"at":"2026-01-02T03:04:05"}"#),
            ("/v1/switchover", #"{"at":1.5}"#), ("/v1/switchover", #"{"force":"yes"}"#),
            ("/v1/switchover", #"{"to":{"name":"pg-2"}}"#), ("/v1/members/pg-2/reclone", #"{"from":""}"#),
            ("/v1/members/pg-2/fence", #"{"from":"pg-1"}"#), ("/v1/members/pg-2/restart", "[]"),
        ])
    func misunderstood(path: String, body: String) throws {
        let fixture = try ServerFixture()
        let response = try fixture.post(path, body)
        #expect(response.status == 400)
        #expect(response.body.contains(#""hint":"#))
        #expect(fixture.requests.isEmpty)
    }

    @Test(
        "a parameter of a removal that is not known is a mistake", arguments: ["?force=yes", "?froce=true", "?force"])
    func removalParameters(query: String) throws {
        let fixture = try ServerFixture()
        #expect(try fixture.delete("/v1/members/pg-3" + query).status == 400)
        #expect(fixture.requests.isEmpty)
    }

    @Test(
        "what is no path is 404, what takes another method says which",
        arguments: [
            ("/v1/members/", 404), ("/v1/members/PG-1", 404), ("/v1/members/pg-1/explode", 404),
            ("/v1/members/pg-1/fence/", 404), ("/v1/members/..%2f", 404), ("/v1/members/pg-1", 405),
            ("/v1/status", 405), ("/primary", 405),
        ])
    func paths(path: String, status: Int) throws {
        let fixture = try ServerFixture()
        let response = try fixture.post(path)
        #expect(response.status == status)
        #expect((response.headers["allow"] != nil) == (status == 405))
        #expect(fixture.requests.isEmpty)
    }

    @Test("all of it needs the token")
    func token() throws {
        let fixture = try ServerFixture(access: .token { "s3cret" })
        for path in ["/v1/pause", "/v1/resume", "/v1/restart", "/v1/switchover", "/v1/members/pg-2/fence"] {
            #expect(try fixture.post(path).status == 401, "\(path)")
        }
        for path in ["/v1/switchover", "/v1/restart", "/v1/members/pg-2"] {
            #expect(try fixture.delete(path).status == 401, "\(path)")
        }
        #expect(fixture.requests.isEmpty)
        fixture.onControl { _, reply in reply(.accepted(id: "1")) }
        #expect(try fixture.post("/v1/pause", headers: ["Authorization: Bearer s3cret"]).status == 202)
        #expect(try fixture.delete("/v1/members/pg-2", headers: ["Authorization: Bearer s3cret"]).status == 202)
    }

    @Test("without a token a browser may call nothing off")
    func browser() throws {
        let fixture = try ServerFixture()
        #expect(try fixture.delete("/v1/switchover", headers: ["Origin: http://evil.example"]).status == 403)
        #expect(try fixture.post("/v1/pause", contentType: "text/plain").status == 415)
        #expect(fixture.requests.isEmpty)
    }

    @Test(
        "moments are ISO 8601 with an offset",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-01-02T03:04:05.6789Z", 1_767_323_045_678),
            ("2026-01-02 05:04:05+02", 1_767_323_045_000), ("2026-01-01t21:34:05-05:30", 1_767_323_045_000),
            ("2026-01-02T03:04Z", 1_767_323_040_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("2026-02-29T00:00:00Z", nil), ("2026-13-01T00:00:00Z", nil), ("2026-01-02T24:00:00Z", nil),
            ("2026-01-02T03:04:05", nil), ("2026-01-02T03:04:05.Z", nil), ("2026-01-02T03:04:05Zulu", nil),
            ("2026-01-02", nil), ("", nil), ("+026-01-02T03:04:05Z", nil), ("2026-01-02T03:04:05+2", nil),
        ] as [(String, Int64?)])
    func moments(text: String, milliseconds: Int64?) {
        #expect(MomentText.milliseconds(text) == milliseconds)
    }

    @Test("ids say what they are about, and no two are alike")
    func ids() {
        let ids = (0..<100).map { _ in ControlRequest.fence("pg-1").newID(term: 7) }
        #expect(Set(ids).count == 100)
        #expect(ids.allSatisfy { $0.hasPrefix("fence-7-") })
    }
}
