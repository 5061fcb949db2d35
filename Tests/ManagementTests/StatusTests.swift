import ClusterModel
import FoundationEssentials
import TestSupport
import Testing

@testable import Management

@Suite(.ownThread) struct StatusTests {
    @Test("/v1/status is the member's status, with ages and the lease counted to the moment of the answer")
    func status() throws {
        let fixture = try ServerFixture()
        fixture.advance(.milliseconds(1500))
        let response = try fixture.get("/v1/status")
        #expect(response.status == 200)
        #expect(response.headers["content-type"] == "application/json")
        let status = try JSONDecoder().decode(MemberStatus.self, from: Data(response.body.utf8))
        #expect(status.name == "pg-1")
        #expect(status.role == .primary)
        #expect(status.flushed == LSN("0/3000060"))
        #expect(status.leaseRemainingMilliseconds == 2500)
        #expect(status.observedMillisecondsAgo == 1510)
    }

    @Test("/v1/cluster has all members, and of its own the status of this moment")
    func cluster() throws {
        let fixture = try ServerFixture()
        fixture.advance(.seconds(5))
        let response = try fixture.get("/v1/cluster")
        #expect(response.status == 200)
        let cluster = try JSONDecoder().decode(ClusterStatus.self, from: Data(response.body.utf8))
        #expect(cluster.leader == "pg-1")
        #expect(cluster.members.map(\.member.name) == ["pg-1", "pg-2"])
        let own = try #require(cluster.members.first)
        #expect(own.status?.role == .replica, "its lease has run out")
        #expect(own.status?.ready == false)
        #expect(cluster.members.last?.reportedMillisecondsAgo == 5200)
    }

    @Test("a snapshot that is published after the clock was read has no negative age")
    func order() {
        let snapshot = ManagementSnapshot.primary(at: Instant(nanoseconds: 2_000_000_000))
        let result = snapshot.brought(to: Instant(nanoseconds: 1_999_000_000), loopStalledAfter: .seconds(5))
        #expect(result.status.ready)
        #expect(result.status.observedMillisecondsAgo == 10)
    }

    @Test(
        "a query, a fragment and the absolute form lead to the same path",
        arguments: [
            "/healthz?verbose=1", "/healthz#x", "http://pg-1:8008/healthz", "HTTP://pg-1/healthz?x",
        ])
    func path(target: String) throws {
        let fixture = try ServerFixture()
        #expect(try fixture.get(target).status == 200)
    }

    @Test("/v1/history has the last fifty transitions, each once, as they ended")
    func history() throws {
        func transition(_ number: Int, succeeded: Bool = true) -> Transition {
            Transition(
                id: "t-\(number)", kind: .failover, from: "pg-1", to: "pg-2", term: UInt64(number),
                succeeded: succeeded, reason: "r")
        }
        let fixture = try ServerFixture()
        #expect(try fixture.get("/v1/history").body == #"{"transitions":[]}"# + "\n")
        fixture.change { snapshot in
            for number in 1...60 { snapshot.history.note(transition(number), at: Int64(number)) }
            snapshot.history.note(transition(60, succeeded: false), at: 99)
        }
        let body = try fixture.get("/v1/history").body
        let history = try JSONDecoder().decode(TransitionHistory.self, from: Data(body.utf8))
        #expect(history.transitions.map(\.at) == (11...60).map { Int64($0) })
        #expect(history.transitions.last?.transition == transition(60, succeeded: false))
    }
}
