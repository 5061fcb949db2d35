import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

extension Acceptance {
    @Suite("Shutdown and restart")
    struct ShutdownTests {
        @Test("SIGTERM of the primary hands over at once, loses no acknowledged row, and ends with 0")
        func handover() async throws {
            try await ClusterFixture.running { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(50)
                let others = cluster.others(than: primary)
                let begun = BootClock.now()
                #expect(try await primary.stop() == .exited(0))
                let next = try await cluster.settled(among: others)
                let taken = BootClock.now().since(begun)
                // Given, not waited for: an expired lease would take longer than its duration.
                try await eventually("the hand-over is logged, after \(taken)") { next.logs(#""kind":"switchover""#) }
                try await writer.more(50)
                try await writer.stop()
                try #require(try writer.missing(on: next) == [])
                #expect(ClusterProcesses.belonging(to: primary.directory).isEmpty, "something was left behind")
                try primary.start()
                #expect(try await cluster.settled() === next)
            }
        }

        @Test("a second SIGTERM shortens the way, and still ends in order")
        func twice() async throws {
            var settings = ClusterSettings(members: 1)
            // One session keeps a smart shutdown waiting for ever.
            settings.more = "shutdown: {smart: 60s, fast: 20s, immediate: 5s}\n"
            try await ClusterFixture.running(settings) { _, primary in
                let writer = try ClusterWriter.start(on: primary, among: [primary])
                try await writer.more(20)
                primary.signal(SIGTERM)
                try await eventually("it was heard") { primary.logs("asked to stop") }
                try await Task.sleep(for: .milliseconds(500))
                #expect(primary.process != nil, "a smart shutdown waits for the session")
                primary.signal(SIGTERM)
                #expect(try await primary.exit(within: .seconds(15)) == .exited(0))
                try await writer.stop()
                #expect(ClusterProcesses.belonging(to: primary.directory).isEmpty)

                try primary.start()
                try await eventually("it leads again", within: .seconds(20)) { primary.status()?.ready == true }
                try #require(try writer.missing(on: primary) == [])
            }
        }

        @Test("everything killed at once and started again is the same cluster, and no acknowledged row is lost")
        func killAll() async throws {
            try await ClusterFixture.running { cluster, primary in
                let before = try #require(primary.status())
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(100)
                for member in cluster.members { member.signal(SIGKILL) }
                for member in cluster.members { try await member.killTree() }
                try await writer.stop()
                let after = try await cluster.startAll()
                #expect(after === primary, "the last primary has all rows; nobody else must lead")
                try #require(try writer.missing(on: after) == [])
                #expect(after.status()?.systemIdentifier == before.systemIdentifier)
                #expect(after.status()?.timeline == before.timeline)
            }
        }

        @Test("everything stopped at once and started again is the same cluster, and no acknowledged row is lost")
        func stopAll() async throws {
            try await ClusterFixture.running { cluster, primary in
                let writer = try ClusterWriter.start(on: primary, among: cluster.members)
                try await writer.more(100)
                for member in cluster.members { member.signal(SIGTERM) }
                for member in cluster.members {
                    #expect(try await member.exit() == .exited(0))
                    #expect(ClusterProcesses.belonging(to: member.directory).isEmpty)
                }
                try await writer.stop()
                let after = try await cluster.startAll()
                try #require(try writer.missing(on: after) == [])
            }
        }

        @Test("a replica that is stopped and started again streams again, and the primary takes no notice")
        func replica() async throws {
            try await ClusterFixture.running(ClusterSettings(members: 2)) { cluster, primary in
                let replica = try #require(cluster.others(than: primary).first)
                let term = primary.status()?.term
                let writer = try ClusterWriter.start(on: primary, among: [primary])
                #expect(try await replica.stop() == .exited(0))
                try await writer.more(50)
                try replica.start()
                #expect(try await cluster.settled() === primary)
                try await writer.stop()
                try await cluster.caughtUp(replica, with: primary)
                #expect(try writer.missing(on: replica) == [])
                #expect(primary.status()?.term == term)
                #expect(writer.longestGap < .seconds(1))
            }
        }
    }
}
