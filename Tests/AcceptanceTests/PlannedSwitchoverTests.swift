import ClusterModel
import FoundationEssentials
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("A switchover for later, and one by force")
    struct PlannedSwitchoverTests {
        @Test("for later is recorded, can be called off, and happens at its time and not before")
        func scheduled() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let target = try #require(cluster.others(than: primary).first)
                func ask(in seconds: Double) throws -> (status: Int, text: String) {
                    let at = Date().addingTimeInterval(seconds).formatted(.iso8601)
                    return try primary.request(
                        "POST", "/v1/switchover", body: #"{"to": "\#(target.name)", "at": "\#(at)"}"#,
                        within: .seconds(10))
                }
                #expect(try ask(in: 3600).status == 202)
                try await eventually("it is recorded", within: .seconds(10)) {
                    target.cluster()?.pendingSwitchover?.to == target.name
                }
                #expect(
                    [200, 202].contains(try primary.request("DELETE", "/v1/switchover", within: .seconds(10)).status))
                try await eventually("it is called off", within: .seconds(10)) {
                    primary.cluster().map { $0.pendingSwitchover == nil } ?? false
                }
                // The text has whole seconds.
                let due = Date().addingTimeInterval(4)
                #expect(try ask(in: 5).status == 202)
                try await eventually("the target leads", within: .seconds(30)) { target.status()?.role == .primary }
                #expect(Date() >= due)
                try #require(try await cluster.settled() === target)
                #expect(target.cluster()?.lastTransition?.kind == .switchover)
            }
        }

        @Test(
            "to a member that lags is refused with the bytes; by force it happens, says what was given up, and keeps it"
        )
        func forced() async throws {
            var settings = ClusterSettings(members: 2)
            settings.more = "replication: {maximumLag: 1MB}\nshutdown: {smart: 0s, fast: 3s, immediate: 1s}\n"
            try await ClusterFixture.running(settings) { cluster, primary in
                let target = try #require(cluster.others(than: primary).first)
                try primary.query("CREATE TABLE t (i int, filler text)")
                try await cluster.caughtUp(target, with: primary)
                let receiver = try #require(target.postgres("walreceiver").first)
                Processes.signal(receiver, SIGSTOP)
                // More than sockets hold.
                try primary.query(
                    "INSERT INTO t SELECT i, repeat(md5(i::text), 60) FROM generate_series(1, 20000) i",
                    within: .seconds(30))
                let body = #"{"to": "\#(target.name)"}"#
                try await eventually("it is refused with what would be lost", within: .seconds(20)) {
                    let refusal = try primary.request("POST", "/v1/switchover", body: body, within: .seconds(10))
                    return refusal.status == 409 && refusal.text.contains("wouldLoseBytes")
                }
                #expect(primary.status()?.role == .primary)
                let answer = try primary.request(
                    "POST", "/v1/switchover", body: #"{"to": "\#(target.name)", "force": true}"#, within: .seconds(10))
                try #require(answer.status == 202, "\(answer.text)")
                try await eventually("the primary has stopped", within: .seconds(30)) { primary.postgres.isEmpty }
                Processes.signal(receiver, SIGCONT)
                try await eventually("the target leads", within: .seconds(40)) { target.status()?.role == .primary }
                let last = try #require(target.cluster()?.lastTransition)
                #expect(last.kind == .switchover)
                try #require(try await cluster.settled(within: .seconds(60)) === target)
                #expect(primary.logs("bytes of WAL were given up"))
                try await eventually("what was given up is kept", within: .seconds(30)) {
                    primary.metric("pgmahout_diverged_wal_sets") == 1
                }
            }
        }
    }
}
