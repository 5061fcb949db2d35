import ClusterModel
import Glibc
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    @Suite("An archive in a bucket")
    struct BucketTests {
        /// Where the credentials are, and what the configuration says of the archive.
        private struct Bucket {
            let bucket: SignatureProxy.Bucket
            let directory: TemporaryDirectory
            let yaml: String

            init(more: String = "") throws {
                bucket = try SignatureProxy.shared().bucket(region: "garage")
                directory = try TemporaryDirectory()
                let files = [
                    "key": SignatureProxy.accessKeyID + "\n", "secret": SignatureProxy.secretAccessKey + "\n",
                ]
                for (name, text) in files { try Files.writeDurably(Array(text.utf8), to: directory.file(name)) }
                try AsPostgres.own(directory.path)
                yaml = """
                    archive:
                      s3:
                        bucket: \(bucket.name)
                        prefix: databases/ö
                        endpoint: \(bucket.proxy.url)
                        region: garage
                        accessKeyIDFile: \(directory.file("key"))
                        secretAccessKeyFile: \(directory.file("secret"))
                    \(more)

                    """
            }
        }

        @Test("three members archive there while it stumbles, fail over, back up, and are restored from it alone")
        func whole() async throws {
            let place = try Bucket()
            var settings = ClusterSettings(members: 3)
            settings.more = place.yaml
            try await ClusterFixture.running(settings) { cluster, primary in
                for skip in stride(from: 3, to: 40, by: 6) as StrideTo<Int64> {
                    try place.bucket.fault("status", "PutObject", count: 1, skip: skip, status: 503, code: "SlowDown")
                    try place.bucket.fault("apply-cut", "PutObject", count: 1, skip: skip + 2)
                }
                try primary.query("CREATE TABLE proof (id int PRIMARY KEY, text text)")
                try insert(primary, 1...1000)
                let (taken, text) = try await primary.run("backup", "create", "--config", primary.configurationFile)
                try #require(taken == .exited(0), "\(text)")
                try insert(primary, 1001...2000)
                try await cluster.caughtUp(cluster.others(than: primary)[0], with: primary)
                try await cluster.caughtUp(cluster.others(than: primary)[1], with: primary)
                try await primary.killTree()
                let next = try await eventualValue("somebody takes over", within: .seconds(40)) {
                    cluster.others(than: primary).first { $0.status()?.role == .primary && $0.status()?.ready == true }
                }
                try insert(next, 2001...3000)
                let now = try next.query(Self.digest)
                try next.query("SELECT pg_switch_wal()")
                try await eventually("all is archived", within: .seconds(60)) {
                    next.metric("pgmahout_archiver_ready_files") == 0
                        && (next.metric("pgmahout_archiver_store_requests_total") ?? 0) > 0
                        && next.metric("pgmahout_archiver_conflicts_total") == 0
                }
                #expect(next.status()?.archive?.archivedHistory == TimelineID(2))
                try primary.start()
                _ = try await cluster.settled()

                let target = cluster.directory + "/restored"
                let (restored, words) = try await next.run(
                    "restore", "--config", next.configurationFile, "--target-directory", target)
                try #require(restored == .exited(0), "\(words)")
                #expect(try await ask(target, Self.digest, cluster) == now)
                #expect(try place.bucket.proxy.violations() == [])
            }
        }

        @Test("the loss of every member at once costs less than a second of rows when the tail is shipped")
        func tail() async throws {
            let place = try Bucket(more: "  tail: {interval: 200ms}")
            var settings = ClusterSettings(members: 2)
            // No segment is ever full in this test: without the tail all rows behind the backup would be lost.
            settings.walSegmentSize = "16MB"
            settings.more = place.yaml
            try await ClusterFixture.running(settings) { cluster, primary in
                try primary.query(
                    "CREATE TABLE beats (id serial PRIMARY KEY, at timestamptz DEFAULT clock_timestamp())")
                let (taken, text) = try await primary.run("backup", "create", "--config", primary.configurationFile)
                try #require(taken == .exited(0), "\(text)")
                let end = BootClock.now() + .seconds(4)
                while BootClock.now() < end {
                    try primary.query("INSERT INTO beats DEFAULT VALUES")
                    try await Task.sleep(for: .milliseconds(10))
                }
                let last = try #require(try primary.value("SELECT max(id) FROM beats").flatMap { Int($0) })
                let moment = try #require(try primary.value("SELECT extract(epoch FROM max(at)) FROM beats"))
                #expect((primary.metric("pgmahout_archiver_tail_pieces_total") ?? 0) > 5)
                for member in cluster.members { try await member.killTree() }

                let target = cluster.directory + "/restored"
                let (plain, plainText) = try await primary.run(
                    "restore", "--config", primary.configurationFile, "--target-directory", target + "-plain")
                try #require(plain == .exited(0), "\(plainText)")
                #expect(try await ask(target + "-plain", "SELECT count(*) FROM beats", cluster) == [["0"]])

                let (restored, words) = try await primary.run(
                    "restore", "--config", primary.configurationFile, "--target-directory", target, "--tail")
                try #require(restored == .exited(0), "\(words)")
                let found = try await ask(
                    target, "SELECT max(id), count(*), \(moment) - extract(epoch FROM max(at)) FROM beats", cluster)
                let newest = try #require(found.first?[0].flatMap { Int($0) })
                let lost = try #require(found.first?[2].flatMap { Double($0) })
                #expect(found.first?[1] == "\(newest)", "rows are missing in between")
                #expect(newest <= last)
                #expect(lost < 1, "\(lost) s of rows were lost")
            }
        }

        private static let digest = "SELECT count(*), md5(string_agg(id || text, ',' ORDER BY id)) FROM proof"

        private func insert(_ member: ClusterMember, _ ids: ClosedRange<Int>) throws {
            try member.query(
                "INSERT INTO proof SELECT g, md5(g::text) FROM generate_series(\(ids.lowerBound), \(ids.upperBound)) g")
        }

        /// Starts a restored directory as its documentation says, asks, and stops it.
        private func ask(_ directory: String, _ sql: String, _ cluster: ClusterFixture) async throws -> [[String?]] {
            let port = try FreePort.take()
            var command = Command(
                PostgresFixture.binaries.path("postgres"),
                ["-D", directory, "-p", "\(port)", "-c", "listen_addresses=127.0.0.1", "-k", cluster.directory]
            ).asPostgres
            command.output = .null
            command.error = .null
            command.workingDirectory = cluster.directory
            let server = try TestChild(command)
            defer {
                Processes.killPostgres(postmaster: server.status == nil ? server.process : 0, dataDirectory: directory)
            }
            let info = ConnectionInfo(host: "127.0.0.1", port: port, user: "postgres", applicationName: "restored")
            return try await eventualValue("the restored server answers", within: .seconds(20)) {
                let deadline = BootClock.now() + .seconds(5)
                guard let connection = try? SQLConnection.open(info, deadline: deadline) else { return nil }
                defer { connection.close() }
                guard try connection.query("SELECT pg_is_in_recovery()", deadline: deadline) == [["f"]] else {
                    return nil
                }
                return try connection.query(sql, deadline: deadline)
            }
        }
    }
}
