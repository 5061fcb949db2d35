import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("The end of a WAL receiver", .ownThread)
struct WALReceiverTests {
    private func soon(_ limit: Duration = .seconds(10)) -> Instant { BootClock.now() + limit }

    private func nothingReceived(_ standby: PostgresServer, from primary: PostgresServer) async throws {
        let position = try standby.report().received
        try primary.query("CREATE TABLE IF NOT EXISTS t()")
        try primary.query("SELECT pg_switch_wal()")
        // Many times the interval after which the server would try again.
        for _ in 0..<25 {
            let report = try standby.report()
            #expect(!report.hasReceiverProcess)
            #expect(report.received == position)
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try primary.report().senders.isEmpty)
    }

    @Test("it is gone when it was ended, and none comes back", arguments: PostgresInstallation.ends)
    func end(installation: PostgresInstallation) async throws {
        let quick = ["wal_retrieve_retry_interval": "20ms"]
        let a = try await PostgresServer.primary(member: "pg-1", installation: installation)
        let b = try await a.standby(member: "pg-2", parameters: quick)
        try await eventually("it streams") { try b.report().isStreaming }
        #expect(try b.report().hasReceiverProcess)
        try b.reload(.standby(upstream: nil, slot: nil))
        try WALReceiver.end(b.configuration.local(), deadline: soon())
        try await nothingReceived(b, from: a)

        let upstream = b.configuration.upstream(host: "127.0.0.1", port: a.port)
        try b.reload(.standby(upstream: upstream, slot: SlotName.of("pg-2")))
        try await eventually("it streams again") { try b.report().isStreaming }
    }

    @Test("it is ended although the replay has stopped, and what was received stays what is reported")
    func whileReplayIsPaused() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2", parameters: ["wal_retrieve_retry_interval": "20ms"])
        try await eventually("it streams") { try b.report().isStreaming }
        try b.query("SELECT pg_wal_replay_pause()")
        try await eventually("it is paused") { try b.report().isReplayPaused }
        try a.query("CREATE TABLE t()")
        let reached = try a.report().flushed
        try await eventually("it has received all") { try b.report().flushed >= reached }
        try b.reload(.standby(upstream: nil, slot: nil))
        try WALReceiver.end(b.configuration.local(), deadline: soon())
        let report = try b.report()
        #expect(!report.hasReceiverProcess)
        #expect(report.flushed >= reached && report.replayed < reached)
        #expect(report.timeline == TimelineID(1))
        try await nothingReceived(b, from: a)
    }

    @Test("it is not taken for ended while the configuration still names an upstream")
    func withoutReload() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        try await eventually("it streams") { try b.report().isStreaming }
        let error = #expect(throws: SQLError.self) {
            try WALReceiver.end(b.configuration.local(), deadline: soon(.milliseconds(200)))
        }
        #expect(error?.kind == .timedOut)
        #expect(try b.report().isStreaming)
    }

    @Test("one that connects to somebody who does not answer is ended, too")
    func connecting() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2", parameters: ["wal_retrieve_retry_interval": "20ms"])
        a.signal(SIGSTOP)
        defer { a.signal(SIGCONT) }
        // Takes connections, and never says a word.
        let silent = b.configuration.upstream(host: "127.0.0.1", port: a.port)
        var other = silent
        other.applicationName = "other"
        try b.reload(.standby(upstream: other, slot: nil))
        try await eventually("a new receiver connects") {
            let report = try b.report()
            return report.hasReceiverProcess && report.receiver == nil
        }
        try b.reload(.standby(upstream: nil, slot: nil))
        try WALReceiver.end(b.configuration.local(), deadline: soon())
        #expect(try !b.report().hasReceiverProcess)
    }

    @Test("clients that connect and say nothing do not hold it up")
    func silentClient() async throws {
        let a = try await PostgresServer.primary(member: "pg-1")
        let b = try await a.standby(member: "pg-2")
        try await eventually("it streams") { try b.report().isStreaming }
        let postmaster = try #require(b.postmaster)
        let path = try Files.canonicalPath(b.dataDirectory)
        /// A process that was made for a connection, and does not know yet whose it is.
        func isServed() -> Bool {
            Processes.postgres(postmaster: postmaster, dataDirectory: path).contains { process in
                let title = (try? Files.readText("/proc/\(process)/cmdline")) ?? "postgres: "
                return process != postmaster && !title.hasPrefix("postgres: ")
            }
        }
        let client = try TestChild(Command("/bin/bash", ["-c", "exec 3<>/dev/tcp/127.0.0.1/\(b.port); sleep 60"]))
        defer { client.kill(SIGKILL) }
        try await eventually("it is served") { isServed() }
        try b.reload(.standby(upstream: nil, slot: nil))
        try WALReceiver.end(b.configuration.local(), deadline: soon())
        #expect(try !b.report().hasReceiverProcess)
    }
}
