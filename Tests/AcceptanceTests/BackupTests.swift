import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("Backup and restore")
    struct BackupTests {
        @Test("by the command line: to latest and to a moment, beside the running cluster, with equal content")
        func restore() async throws {
            var settings = ClusterSettings(members: 2)
            settings.archive = "archive"
            try await ClusterFixture.running(settings) { cluster, primary in
                let config = ["--config", primary.configurationFile]
                try primary.query("CREATE TABLE proof (id int PRIMARY KEY, text text)")
                try insert(primary, 1...1000)
                let (taken, backup) = try await primary.run(["backup", "create"] + config)
                try #require(taken == .exited(0), "\(backup)")
                try insert(primary, 1001...2000)
                let moment = try #require(
                    try primary.value(
                        "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"))
                let then = try content(primary)
                try await Task.sleep(for: .milliseconds(50))
                try insert(primary, 2001...3000)
                // A failover in between: the restore must follow the new timeline.
                let (switched, text) = try await primary.run(["switchover"] + config)
                try #require(switched == .exited(0), "\(text)")
                let next = try await cluster.settled()
                try insert(next, 3001...4000)
                let now = try content(next)
                try next.query("SELECT pg_switch_wal()")
                try await eventually("all is archived", within: .seconds(30)) {
                    try next.value(
                        "SELECT last_archived_wal >= pg_walfile_name(pg_current_wal_lsn() - 1) FROM pg_stat_archiver")
                        == "t"
                        || next.metric("pgmahout_archiver_ready_files") == 0
                }

                let (listed, list) = try await next.run(
                    "backup", "list", "--config", next.configurationFile, "--output", "json")
                #expect(listed == .exited(0))
                #expect(list.split(separator: "\n").count == 1, "\(list)")

                let archived = try await files(cluster.directory + "/archive")
                let latest = cluster.directory + "/latest"
                let (first, firstText) = try await next.run(
                    "restore", "--config", next.configurationFile, "--target-directory", latest)
                try #require(first == .exited(0), "\(firstText)")
                #expect(try await contentOfServer(latest, cluster) == now)

                let earlier = cluster.directory + "/earlier"
                let (second, secondText) = try await next.run(
                    "restore", "--config", next.configurationFile, "--target-directory", earlier, "--to-time", moment)
                try #require(second == .exited(0), "\(secondText)")
                #expect(try await contentOfServer(earlier, cluster) == then)

                let (third, thirdText) = try await next.run(
                    "restore", "--config", next.configurationFile, "--target-directory", latest)
                #expect(third != .exited(0), "a directory that is in use was overwritten")
                #expect(thirdText.contains(latest))
                #expect(try content(next) == now)
                #expect(try await files(cluster.directory + "/archive").isSuperset(of: archived))
                #expect(try await cluster.settled() === next)
            }
        }

        private func insert(_ member: ClusterMember, _ ids: ClosedRange<Int>) throws {
            try member.query(
                "INSERT INTO proof SELECT g, md5(g::text) FROM generate_series(\(ids.lowerBound), \(ids.upperBound)) g")
        }

        private static let digest = "SELECT count(*), md5(string_agg(id || text, ',' ORDER BY id)) FROM proof"

        private func content(_ member: ClusterMember) throws -> [[String?]] { try member.query(Self.digest) }

        private func files(_ directory: String) async throws -> Set<Substring> {
            let found = try await TestChildren.output(of: Command("/usr/bin/find", [directory, "-type", "f"]))
            return Set(found.text.split(separator: "\n"))
        }

        /// Starts a restored directory as its documentation says, asks, and stops it.
        private func contentOfServer(_ directory: String, _ cluster: ClusterFixture) async throws -> [[String?]] {
            let port = try FreePort.take()
            let log = try FileDescriptor(opening: directory + ".log", O_WRONLY | O_CREAT | O_APPEND)
            var command = Command(
                PostgresFixture.binaries.path("postgres"),
                ["-D", directory, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-k", cluster.directory]
            ).asPostgres
            command.output = .descriptor(log.rawValue)
            command.error = command.output
            command.workingDirectory = cluster.directory
            let server = try TestChild(command)
            let info = ConnectionInfo(
                host: "127.0.0.1", port: port, user: "postgres", applicationName: "restored")
            defer {
                Processes.killPostgres(postmaster: server.status == nil ? server.process : 0, dataDirectory: directory)
            }
            return try await eventualValue("the restored server answers", within: .seconds(20)) {
                if let status = server.status {
                    throw FixtureError("\(status): \(try Files.readText(directory + ".log"))")
                }
                let deadline = BootClock.now() + .seconds(5)
                guard let connection = try? SQLConnection.open(info, deadline: deadline) else { return nil }
                defer { connection.close() }
                let recovering = try connection.query("SELECT pg_is_in_recovery()", deadline: deadline)
                #expect(recovering == [["f"]])
                return try connection.query(Self.digest, deadline: deadline)
            }
        }
    }
}
