import ClusterModel
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct RoleCheckTests {
    private static let all = [
        "/primary", "/read-write", "/leader", "/master", "/replica", "/read-only", "/synchronous", "/sync", "/quorum",
        "/asynchronous", "/async", "/read-only-sync", "/read-only-quorum", "/health", "/liveness", "/readiness",
    ]

    /// The paths that answer 200.
    private func good(_ fixture: ServerFixture) throws -> Set<String> {
        Set(try Self.all.filter { try fixture.get($0).status == 200 })
    }

    private func standby(_ change: @escaping @Sendable (inout ManagementSnapshot) -> Void = { _ in }) throws
        -> ServerFixture
    {
        let fixture = try ServerFixture()
        fixture.change {
            $0.leaseDeadline = nil
            $0.status.role = .replica
            $0.status.state = .streaming
            $0.status.streaming = true
            $0.status.lagBytes = 1000
            change(&$0)
        }
        return fixture
    }

    private let always: Set<String> = ["/health", "/liveness", "/readiness"]
    private let reading: Set<String> = ["/replica", "/read-only"]

    @Test("a primary gets writers and readers, until its lease has run out")
    func primary() throws {
        let fixture = try ServerFixture()
        #expect(
            try good(fixture)
                == always.union([
                    "/primary", "/read-write", "/leader", "/master", "/read-only", "/read-only-sync",
                    "/read-only-quorum",
                ]))
        fixture.advance(.seconds(4))
        #expect(try !good(fixture).contains("/primary"))
    }

    @Test("a replica gets readers, and where commits wait for nobody it is asynchronous")
    func replica() throws {
        #expect(try good(try standby()) == always.union(reading).union(["/asynchronous", "/async"]))
    }

    @Test("a standby that commits wait for is synchronous, or one of a quorum")
    func synchronous() throws {
        let both: Set<String> = ["/quorum", "/read-only-quorum", "/synchronous", "/sync", "/read-only-sync"]
        func member(votes: Int, _ members: [MemberName] = ["pg-1", "pg-3"]) throws -> Set<String> {
            try good(
                try standby {
                    $0.cluster.synchronous = SynchronousState(mode: .quorum, members: members, votes: votes)
                }
            ).subtracting(always).subtracting(reading)
        }
        #expect(try member(votes: 1) == both)
        #expect(try member(votes: 2) == ["/quorum", "/read-only-quorum"])
        #expect(try member(votes: 2, ["pg-2", "pg-3"]) == ["/asynchronous", "/async"])
    }

    @Test("a member without load balancing gets no readers")
    func noLoadBalance() throws {
        #expect(try good(try standby { $0.status.traits.noLoadBalance = true }) == always)
    }

    @Test("readers go to replicas that are near enough")
    func lag() throws {
        let fixture = try standby()
        for good in ["lag=1000", "lag=1kB", "lag=10MB", "replication_state=streaming", "tag_zone=a", ""] {
            #expect(try fixture.get("/replica?" + good).status == 200, "\(good)")
        }
        for far in ["lag=999", "lag=0", "lag=0&replication_state=streaming"] {
            #expect(try fixture.get("/replica?" + far).status == 503, "\(far)")
            #expect(try fixture.get("/readiness?" + far).status == 503, "\(far)")
        }
        fixture.change {
            $0.status.lagBytes = nil
            $0.status.streaming = false
        }
        #expect(try fixture.get("/replica?lag=10MB").status == 503)
        #expect(try fixture.get("/replica?replication_state=streaming").status == 503)
        #expect(try fixture.get("/replica").status == 200)
    }

    @Test("a query that is not understood sends nobody here", arguments: ["lag=much", "lag=", "replication_state=x"])
    func badQuery(query: String) throws {
        #expect(try standby().get("/replica?" + query).status == 400)
    }

    @Test("a server that does not run, or does not answer, gets nobody")
    func down() throws {
        #expect(
            try good(
                try standby {
                    $0.status.state = .stopped
                    $0.status.ready = false
                }) == ["/liveness"])
        #expect(try !good(try standby { $0.status.observedMillisecondsAgo = 6000 }).contains("/replica"))
        let fixture = try standby()
        fixture.advance(.seconds(6))
        #expect(try fixture.get("/liveness").status == 503, "the loop has stopped")
    }

    @Test("load balancers may ask with HEAD and OPTIONS", arguments: ["HEAD", "OPTIONS"])
    func methods(method: String) throws {
        let fixture = try ServerFixture()
        let connection = try fixture.connect()
        try connection.send("\(method) /primary HTTP/1.0\r\n\r\n")
        #expect(try connection.response(toHead: method == "HEAD").status == 200)
    }
}
