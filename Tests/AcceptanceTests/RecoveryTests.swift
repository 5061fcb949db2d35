import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Bootstrap from an archive, and restore in place")
    struct RecoveryTests {
        private static let content = "SELECT count(*) || '/' || coalesce(max(id), 0) FROM proof"

        private func archived(_ member: ClusterMember) async throws {
            try member.query("SELECT pg_switch_wal()")
            try await eventually("all is archived", within: .seconds(30)) {
                try member.value(
                    "SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) FROM pg_stat_archiver")
                    == "t"
                    || member.metric("pgmahout_archiver_ready_files") == 0
            }
        }

        private func moment(_ member: ClusterMember) throws -> String {
            try #require(
                try member.value(
                    "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"))
        }

        @Test(
            "a new cluster begins as an old one was, with its own passwords and its own archive; a wrong target makes none"
        )
        func bootstrap() async throws {
            var settings = ClusterSettings(members: 1)
            settings.archive = "archive"
            try await ClusterFixture.running(settings) { old, primary in
                try primary.query("CREATE TABLE proof (id int)")
                try primary.query("INSERT INTO proof SELECT generate_series(1, 100)")
                let (taken, text) = try await primary.run(["backup", "create", "--config", primary.configurationFile])
                try #require(taken == .exited(0), "\(text)")
                try primary.query("INSERT INTO proof SELECT generate_series(101, 200)")
                try primary.query("ALTER ROLE postgres PASSWORD 'former'")
                let time = try moment(primary)
                try await Task.sleep(for: .milliseconds(20))
                try primary.query("DELETE FROM proof")
                try await archived(primary)
                let objects = try Set(Files.list(old.directory + "/archive/tested/wals"))

                var next = ClusterSettings(members: 2)
                next.cluster = "next"
                next.archive = "archive"
                let source = "{directory: \(old.directory)/archive, server: tested"
                next.bootstrap = "  recovery: \(source), targetTime: '2001-01-01T00:00:00Z'}"
                try await ClusterFixture.with(next) { cluster in
                    let first = cluster.members[0]
                    try first.start()
                    try await eventually("it says why it cannot begin", within: .seconds(40)) {
                        first.status()?.problem?.contains("no backup on the way to timeline 1 reaches back") == true
                    }
                    #expect(!Files.exists(first.dataDirectory))
                    try await first.stop()
                    next.bootstrap = "  recovery: \(source), targetTime: '\(time)'}"
                    for member in cluster.members { try cluster.configure(member, next) }
                    let leader = try await cluster.startAll(within: .seconds(90))
                    #expect(try leader.value(Self.content) == "200/200")
                    #expect(
                        try leader.value("SELECT rolpassword IS NULL FROM pg_authid WHERE rolname = 'postgres'") == "t")
                    let system = "SELECT (pg_control_system()).system_identifier"
                    let systems = (try leader.value(system), try primary.value(system))
                    #expect(systems.0 == systems.1)
                    try leader.query("INSERT INTO proof VALUES (201)")
                    try await archived(leader)
                    #expect(Files.isDirectory(cluster.directory + "/archive/next/wals"))
                    let other = try #require(cluster.others(than: leader).first)
                    try await cluster.caughtUp(other, with: leader)
                    #expect(try other.value(Self.content) == "201/201")
                }
                let after = try Set(Files.list(old.directory + "/archive/tested/wals"))
                #expect(after == objects)
                #expect(try primary.value(Self.content) == "0/0")
            }
        }

        @Test("in place: only with the token of the plan; the old data is kept; the others follow; the archive goes on")
        func inPlace() async throws {
            var settings = ClusterSettings(members: 2)
            settings.archive = "archive"
            try await ClusterFixture.running(settings) { cluster, primary in
                let config = ["--config", primary.configurationFile]
                try primary.query("CREATE TABLE proof (id int)")
                try primary.query("INSERT INTO proof SELECT generate_series(1, 100)")
                let (taken, backup) = try await primary.run(["backup", "create"] + config)
                try #require(taken == .exited(0), "\(backup)")
                let time = try moment(primary)
                try await Task.sleep(for: .milliseconds(20))
                try primary.query("DELETE FROM proof")
                try await archived(primary)
                let command = ["restore", "--in-place", "--to-time", time] + config
                let (running, busy) = try await primary.run(command + ["--plan"])
                #expect(running == .exited(65) && busy.contains("pgmahout runs on"), "\(busy)")
                for member in cluster.members { try await member.stop() }

                let (planned, plan) = try await primary.run(command + ["--plan"])
                try #require(planned == .exited(0), "\(plan)")
                let token = try #require(plan.split(separator: " ").last).filter { !$0.isNewline }
                let (wrong, why) = try await primary.run(command + ["--token", "0123456789"])
                #expect(wrong == .exited(1) && why.contains("does not approve"), "\(why)")
                let (other, reason) = try await primary.run(
                    ["restore", "--in-place"] + config + ["--token", token])
                #expect(other == .exited(1) && reason.contains("does not approve"), "\(reason)")
                let (done, text) = try await primary.run(command + ["--token", token])
                try #require(done == .exited(0), "\(text)")
                let kept = try Files.list(primary.directory).filter { $0.hasPrefix("data.pgmahout-kept-") }
                #expect(kept.count == 1)
                #expect(Files.exists("\(primary.directory)/\(kept.first ?? "")/PG_VERSION"))

                try primary.start()
                _ = try await cluster.primary(among: [primary], within: .seconds(60))
                #expect(try primary.value(Self.content) == "100/100")
                for member in cluster.others(than: primary) { try member.start() }
                let leader = try await cluster.settled(within: .seconds(90))
                #expect(leader === primary)
                for member in cluster.others(than: leader) {
                    try await cluster.caughtUp(member, with: leader)
                    #expect(try member.value(Self.content) == "100/100")
                }
                // Its archive goes on along the new timeline, from the fork.
                try leader.query("INSERT INTO proof VALUES (101)")
                try await archived(leader)
                let target = cluster.directory + "/latest"
                let (restored, said) = try await leader.run(["restore", "--target-directory", target] + config)
                #expect(restored == .exited(0), "\(said)")
            }
        }
    }
}
