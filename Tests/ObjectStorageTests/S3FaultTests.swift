import ObjectStorage
import TestSupport
import Testing

/// What a store, and the network before it, do wrong.
@Suite(.ownThread)
struct S3FaultTests {
    private let fixture: S3Fixture
    private var bucket: SignatureProxy.Bucket { fixture.bucket }

    init() throws { fixture = try S3Fixture() }

    @Test("a store that asks for fewer requests, or fails, is asked again until it answers")
    func storm() throws {
        let store = try fixture.store()
        #expect(try store.putIfAbsent("before", [1]) == .created)
        let answers = [(503, "SlowDown"), (429, "TooManyRequests"), (500, "InternalError"), (504, ""), (408, "")]
        for (status, code) in answers {
            try bucket.fault("status", count: 1, status: Int64(status), code: code)
        }
        #expect(try store.putIfAbsent("x", [1]) == .created)
        #expect(try store.readAll("x") == [1])
        #expect(store.statistics.retries == 5)
        #expect(store.statistics.throttled == 2)
    }

    @Test("whatever goes on, a call ends in time and says what the store said last")
    func deadline() throws {
        try bucket.fault("status", status: 503, code: "SlowDown")
        let store = try fixture.store { $0.deadline = .milliseconds(300) }
        #expect { try store.head("x") } throws: { error in
            S3Fixture.kind(error) == .unavailable && "\(error)".contains("'x'") && "\(error)".contains("503")
        }
        #expect { try store.putIfAbsent("x", [1]) } throws: { S3Fixture.kind($0) == .unavailable }
        #expect { try store.listAll("") } throws: {
            S3Fixture.kind($0) == .unavailable && "\($0)".contains("SlowDown: by order")
        }
        // What is asked for by the store is not waited for when there is no time for it.
        try bucket.heal()
        try bucket.fault("status", status: 503, code: "SlowDown", retryAfter: 10)
        #expect { try store.delete("x") } throws: { S3Fixture.kind($0) == .unavailable }
    }

    @Test(
        "an object whose creation was confirmed to nobody is recognized as one's own",
        arguments: ["apply-cut", "apply-status"])
    func lostAnswer(effect: String) throws {
        let store = try fixture.store()
        #expect(try store.putIfAbsent("before", [1]) == .created)
        try bucket.fault(effect, "PutObject", key: "mine", count: 1)
        #expect(try store.putIfAbsent("mine", [1, 2]) == .created)
        // A repetition that finds somebody else's is none of ours.
        try bucket.fault("cut", "PutObject", key: "theirs", count: 1)
        let upload = try store.upload("theirs")
        try upload.write([1, 2].span.bytes)
        #expect(try fixture.store().putIfAbsent("theirs", [3]) == .created)
        try bucket.fault("cut", "PutObject", key: "theirs", count: 1)
        #expect(try upload.commit(if: {}) == .exists)
        #expect(try store.readAll("theirs") == [3])
    }

    @Test(
        "an answer that is cut, too short, or longer than it says is never taken for the object",
        arguments: ["cut", "truncate", "short", "long", "hang"])
    func brokenReads(effect: String) throws {
        let store = try fixture.store {
            $0.readSize = 64 << 10
            $0.idleTimeout = .milliseconds(300)
        }
        let content = S3Fixture.content(300_000)
        #expect(try store.putIfAbsent("x", content) == .created)
        for skip: Int64 in [0, 2] {
            try bucket.fault(effect, "GetObject", count: 1, skip: skip)
            #expect(try store.readAll("x") == content)
        }
        // What breaks on a kept connection before the answer is repeated further down.
        #expect(effect == "cut" || store.statistics.retries == 2)
        try bucket.heal()
    }

    @Test("a slow answer is waited for as long as something comes")
    func slow() throws {
        let store = try fixture.store { $0.idleTimeout = .milliseconds(600) }
        let content = S3Fixture.content(100_000)
        #expect(try store.putIfAbsent("x", content) == .created)
        try bucket.fault("trickle", "GetObject", milliseconds: 80)
        #expect(try store.readAll("x") == content)
        #expect(store.statistics.retries == 0)
    }

    @Test("half a listing is none", arguments: ["short", "truncate", "cut"])
    func brokenListing(effect: String) throws {
        let store = try fixture.store()
        #expect(try store.putIfAbsent("x", [1]) == .created)
        try bucket.fault(effect, "ListObjects", count: 1)
        #expect(try store.listAll("").objects.map(\.key) == ["x"])
        #expect(effect == "cut" || store.statistics.retries == 1)
    }

    @Test("an absence is believed only of an S3 service, and only of a bucket that is there")
    func absence() throws {
        let store = try fixture.store { $0.deadline = .milliseconds(300) }
        #expect(try store.putIfAbsent("x", [1]) == .created)
        #expect(try store.head("nothing") == nil)
        try bucket.fault("no-s3")
        for attempt: () throws -> Void in [
            { _ = try store.head("nothing") }, { _ = try store.read("nothing") }, { _ = try store.listAll("") },
            { try store.delete("nothing") }, { _ = try store.putIfAbsent("nothing", [1]) },
        ] {
            #expect { try attempt() } throws: { S3Fixture.kind($0) == .unavailable }
        }
        let missing = try fixture.store { $0.bucket = "no-such-bucket" }
        for attempt: () throws -> Void in [
            { _ = try missing.head("x") }, { _ = try missing.read("x") }, { _ = try missing.listAll("") },
            { try missing.delete("x") }, { _ = try missing.putIfAbsent("x", [1]) },
        ] {
            #expect { try attempt() } throws: {
                S3Fixture.kind($0) == .unavailable && "\($0)".contains("no bucket 'no-such-bucket'")
            }
        }
    }

    @Test("what a store does not allow is not tried again, and it says why")
    func denied() throws {
        let store = try fixture.store()
        #expect(try store.putIfAbsent("x", [1]) == .created)
        try bucket.fault("status", status: 403, code: "AccessDenied")
        let before = store.statistics.requests
        #expect { try store.read("x") } throws: {
            S3Fixture.kind($0) == .denied && "\($0)".contains("AccessDenied: by order")
        }
        #expect(store.statistics.requests == before + 1)
        try bucket.heal()
        try bucket.fault("status", "PutObject", status: 507, code: "InsufficientStorage")
        #expect { try store.putIfAbsent("y", [1]) } throws: { S3Fixture.kind($0) == .full }
    }

    @Test("the permission is asked again before each repetition, and its end is the end of the upload")
    func permission() throws {
        struct Refused: Error {}
        let store = try fixture.store()
        #expect(try store.putIfAbsent("before", [1]) == .created)
        try bucket.fault("status", "PutObject", key: "x", status: 503)
        var asked = 0
        #expect(throws: Refused.self) {
            try store.putIfAbsent("x", [1]) {
                asked += 1
                if asked == 3 { throw Refused() }
            }
        }
        #expect(try bucket.operations().count { $0 == "PutObject" } == 2 + 1 + 2)
        try bucket.heal()
        #expect(try store.head("x") == nil)
    }

    @Test("clocks that differ by hours are made up for")
    func clock() throws {
        for offset: Int64 in [7_200, -7_200] {
            try bucket.setClock(ahead: offset)
            let store = try fixture.store()
            // The first request is one whose answer has no text to say it in.
            #expect(try store.head("nothing") == nil)
            #expect(try store.putIfAbsent(ObjectKey("x\(offset)"), [1]) == .created)
            #expect(try store.listAll("").objects.isEmpty == false)
        }
    }

    @Test("an object that is replaced while it is read is not pieced together")
    func replaced() throws {
        let store = try fixture.store {
            $0.readSize = 64 << 10
            $0.readsAhead = 0
        }
        #expect(try store.putIfAbsent("x", S3Fixture.content(200_000)) == .created)
        let reader = try #require(try store.read("x"))
        #expect(try reader.read(upTo: 64 << 10).count == 64 << 10)
        let other = String(repeating: "y", count: 200_000)
        #expect(try bucket.raw("PUT", "/some%20place/%C3%B6/x", body: other).status == 200)
        #expect { try reader.read(upTo: 8) } throws: { "\($0)".contains("replaced") }
    }

    @Test("a proxy that ignores ranges is noticed; what comes whole all the same is used")
    func ignoredRanges() throws {
        let store = try fixture.store { $0.readSize = 64 << 10 }
        #expect(try store.putIfAbsent("small", S3Fixture.content(10_000)) == .created)
        #expect(try store.putIfAbsent("large", S3Fixture.content(1_000_000)) == .created)
        try bucket.fault("ignore-range")
        #expect(try store.readAll("small") == S3Fixture.content(10_000))
        let reader = try #require(try store.read("small", from: 9_000))
        #expect(try reader.read(upTo: 10_000) == Array(S3Fixture.content(10_000).dropFirst(9_000)))
        #expect { try store.readAll("large") } throws: { "\($0)".contains("ignore ranges") }
    }
}
