import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Switchover")
    struct SwitchoverTests {
        @Test("by HTTP under write load moves the primary, loses no acknowledged row, and the old one follows")
        func http() async throws {
            var settings = ClusterSettings()
            settings.archive = "archive"
            try await ClusterFixture.running(settings) { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(50)
                let target = try #require(cluster.others(than: primary).last)
                let answer = try primary.request(
                    "POST", "/v1/switchover", body: #"{"to": "\#(target.name)"}"#, within: .seconds(10))
                try #require(answer.status == 202, "\(answer.text)")
                try await eventually("the target leads", within: .seconds(10)) {
                    target.status()?.role == .primary
                }
                try await writer.more(50)
                try #require(try await cluster.settled() === target)
                try await writer.stop()
                try #require(try writer.missing(on: target) == [])
                let last = try #require(target.cluster()?.lastTransition)
                #expect(last.kind == .switchover)
                #expect(last.from == primary.name)
                #expect(last.to == target.name)
                #expect(last.succeeded)
                #expect(target.cluster()?.pendingSwitchover == nil)
                #expect(Self.reloadsUntilClientsEnter(target.log) == 1)
            }
        }

        /// While clients wait for the archive to take the history file, the promoted server's files are left alone: one write
        /// lets clients in and makes them a primary's. nil: clients never waited.
        private static func reloadsUntilClientsEnter(_ log: String) -> Int? {
            let lines = log.split(separator: "\n").drop { !$0.contains("received promote request") }
            guard let entered = lines.firstIndex(where: { $0.contains(#"admits_clients\" changed to \"on"#) }) else {
                return nil
            }
            return lines[..<entered].count { $0.contains("received SIGHUP") }
        }

        @Test("by the command line, there and back, loses no acknowledged row")
        func commandLine() async throws {
            try await ClusterFixture.running { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                var leader = primary
                for _ in 0..<4 {
                    try await writer.more(30)
                    let target = try #require(cluster.others(than: leader).first)
                    // Any member may be asked.
                    let asked = try #require(cluster.others(than: leader).last)
                    let (status, text) = try await asked.run(
                        "switchover", "--config", asked.configurationFile, "--to", target.name.rawValue)
                    try #require(status == .exited(0), "\(text)")
                    leader = try await cluster.settled()
                    try #require(leader === target)
                }
                try await writer.more(30)
                try await writer.stop()
                try #require(try writer.missing(on: leader) == [])
            }
        }

        @Test("to nobody, to itself, to a stranger or from another member is refused with the reason")
        func refusals() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                for (body, reason) in [
                    (#"{"to": "\#(primary.name)"}"#, "is the primary already"),
                    (#"{"to": "nobody"}"#, "is not a member"),
                    (#"{"from": "\#(replica.name)"}"#, "is not the primary"),
                ] {
                    let answer = try primary.request("POST", "/v1/switchover", body: body)
                    #expect(answer.status == 409, "\(answer.text)")
                    #expect(answer.text.contains(reason), "\(answer.text)")
                }
                let (status, text) = try await replica.run(
                    "switchover", "--config", replica.configurationFile, "--to", "nobody")
                #expect(status == .exited(1))
                #expect(text.contains("is not a member"))
                #expect(try await cluster.settled() === primary)
            }
        }

        @Test("to a replica that does not confirm in time goes back to the old primary")
        func wayBack() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(20)
                try await replica.killTree()
                let answer = try primary.request("POST", "/v1/switchover", body: "{}", within: .seconds(10))
                // Refused at once, or accepted and then given up: either way the primary stays what it is.
                #expect([202, 409].contains(answer.status))
                try await eventually("the request is settled", within: .seconds(30)) {
                    guard let cluster = primary.cluster() else { return false }
                    return cluster.pendingSwitchover == nil
                        && (answer.status == 409 || cluster.lastTransition?.kind == .switchover)
                }
                try await writer.more(20)
                try await writer.stop()
                try #require(try await cluster.primary() === primary)
                try #require(try writer.missing(on: primary) == [])
                if answer.status == 202 { #expect(primary.cluster()?.lastTransition?.succeeded == false) }
            }
        }
    }
}
