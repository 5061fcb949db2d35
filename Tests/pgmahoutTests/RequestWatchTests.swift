import ClusterModel
import Testing

@testable import pgmahout

struct RequestWatchTests {
    private func report(pending: String? = nil, last: String? = nil, succeeded: Bool = true) -> ClusterStatus {
        var cluster = ClusterStatus(cluster: "demo")
        cluster.pendingSwitchover = pending.map {
            SwitchoverRequest(id: $0, from: "pg-1", to: nil, deadlineMilliseconds: 1000)
        }
        cluster.lastTransition = last.map { transition($0, succeeded: succeeded) }
        return cluster
    }

    private func transition(_ id: String, succeeded: Bool = true) -> Transition {
        Transition(id: id, kind: .switchover, from: "pg-1", to: "pg-2", term: 2, succeeded: succeeded, reason: "asked")
    }

    private func at(_ milliseconds: UInt64) -> Instant { Instant(nanoseconds: milliseconds * 1_000_000) }

    @Test(
        "a switchover is over when the last transition bears its id, whether it succeeded or not",
        arguments: [true, false])
    func finished(succeeded: Bool) {
        var watch = RequestWatch(.switchover, id: "a")
        #expect(watch.judge(report(pending: "a", last: "z"), at: at(0)) == .pending)
        #expect(
            watch.judge(report(last: "a", succeeded: succeeded), at: at(1))
                == .finished(transition("a", succeeded: succeeded)))
    }

    @Test("before a member has seen the request, nothing is concluded from its absence")
    func notSeenYet() {
        var watch = RequestWatch(.switchover, id: "a")
        #expect(watch.judge(report(last: "z"), at: at(0)) == .pending)
        #expect(watch.judge(report(last: "z"), at: at(60_000)) == .pending)
    }

    @Test("a request that is gone for five seconds without an end was dropped")
    func dropped() {
        var watch = RequestWatch(.switchover, id: "a")
        _ = watch.judge(report(pending: "a"), at: at(0))
        #expect(watch.judge(report(last: "f"), at: at(1000)) == .pending)
        #expect(watch.judge(report(last: "f"), at: at(5999)) == .pending)
        #expect(watch.judge(report(last: "f"), at: at(6000)) == .dropped("a switchover came in between: asked"))
    }

    @Test("a request that comes back into view is still pending")
    func comesBack() {
        var watch = RequestWatch(.switchover, id: "a")
        _ = watch.judge(report(pending: "a"), at: at(0))
        _ = watch.judge(report(), at: at(1000))
        _ = watch.judge(report(pending: "a"), at: at(2000))
        #expect(watch.judge(report(), at: at(6500)) == .pending)
    }

    @Test("a restart and a clone are pending while the record asks for them")
    func others() {
        var cluster = report()
        cluster.intent.restart = RestartRequest(id: "r", remaining: ["pg-2"])
        cluster.intent.reclone["pg-3"] = RecloneRequest(id: "c")
        #expect(RequestWatch.Kind.restart.pending(cluster) == "r")
        #expect(RequestWatch.Kind.reclone("pg-3").pending(cluster) == "c")
        #expect(RequestWatch.Kind.reclone("pg-2").pending(cluster) == nil)
        var watch = RequestWatch(.restart, id: "r")
        #expect(watch.judge(cluster, at: at(0)) == .pending)
        cluster.intent.restart = nil
        #expect(watch.judge(cluster, at: at(1)) == .pending)
        #expect(watch.judge(cluster, at: at(5001)) == .dropped("nothing has taken its place"))
    }
}
