import ClusterModel
import Platform
import Postgres
import TestSupport
import Testing

extension Acceptance {
    /// All other tests here use segments of 1 MiB, and the one of the tail 16.
    @Suite("Large WAL segments")
    struct SegmentSizeTests {
        @Test("segments of 64 MiB are archived, with room for four in flight, and replayed by a restore")
        func large() async throws {
            var settings = ClusterSettings(members: 1)
            settings.archive = "archive"
            settings.walSegmentSize = "64MB"
            settings.parameters = ["max_wal_size": "512MB", "min_wal_size": "128MB"]
            try await ClusterFixture.running(settings) { cluster, primary in
                try primary.query("CREATE TABLE proof (text text)")
                let (taken, text) = try await primary.run("backup", "create", "--config", primary.configurationFile)
                try #require(taken == .exited(0), "\(text)")
                for _ in 0..<3 {
                    try primary.query("INSERT INTO proof SELECT md5(g::text) FROM generate_series(1, 1000) g")
                    try primary.query("SELECT pg_switch_wal()")
                }
                try await eventually("all is archived", within: .seconds(60)) {
                    primary.metric("pgmahout_archiver_ready_files") == 0
                        && (primary.metric("pgmahout_archiver_archived_bytes_total") ?? 0) >= 4 * 67_108_864
                }
                #expect(primary.metric("pgmahout_archiver_failed_total") == 0)
                let target = cluster.directory + "/restored"
                let (restored, words) = try await primary.run(
                    "restore", "--config", primary.configurationFile, "--target-directory", target)
                try #require(restored == .exited(0), "\(words)")
                #expect(try ControlData.read(dataDirectory: target).walSegmentSize == 64 << 20)
                let end = try primary.value("SELECT pg_current_wal_lsn() - '0/0'").flatMap { UInt64($0) }
                #expect(try ControlData.read(dataDirectory: target).checkpoint.rawValue > (end ?? .max) - (64 << 20))
            }
        }
    }
}
