import ClusterModel
import ObjectStorage
import Platform
import TestSupport
import Testing

@testable import Archive

/// Real servers, whose archive_command is the real client.
@Suite(.ownThread)
struct ArchiveCommandTests {
    @Test("PostgreSQL's segments arrive, to the byte, and are marked done")
    func archives() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        _ = try primary.server.query("CREATE TABLE t AS SELECT generate_series(1, 100000) AS n")
        let name = try primary.switchSegment()
        try await eventually("the segment is done", within: .seconds(20)) { try primary.files(".done").contains(name) }
        #expect(try primary.isArchived(name))
        let target = primary.directory.file("fetched")
        let fetching = WALFetch(store: primary.store, layout: primary.layout)
        let request = WALFetch.Request(name: try #require(WALFileName(name)), path: target)
        #expect(try fetching.fetch(request, of: nil))
        #expect(try Files.read(target) == Files.read("\(primary.server.dataDirectory)/pg_wal/\(name)"))
        #expect(try primary.server.value("SELECT failed_count FROM pg_stat_archiver") == "0")
        try await primary.stop()
    }

    @Test("an archive that is away loses nothing: segments stay ready, writes go on, all arrive in the end")
    func outage() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let archive = primary.archive
        try Files.renameDurably(archive, to: archive + ".away")
        _ = try primary.server.query("CREATE TABLE t AS SELECT 1 AS n")
        let names = try (0..<3).map { _ in try primary.switchSegment() }
        try await eventually("PostgreSQL was refused", within: .seconds(20)) {
            try primary.server.value("SELECT failed_count > 0 FROM pg_stat_archiver") == "t"
        }
        #expect(try primary.files(".ready").isSuperset(of: names))
        #expect(try primary.server.value("SELECT count(*) FROM t") == "1")
        try await eventually("the status tells") {
            let status = try primary.archiver.latest()
            return status.readyCount >= 3 && status.lastError?.contains("is missing") == true
        }
        try Files.renameDurably(archive + ".away", to: archive)
        // PostgreSQL itself would come back only after a minute.
        try await eventually("all have arrived", within: .seconds(20)) { try names.allSatisfy(primary.isArchived) }
        try await eventually("the status tells") { try primary.archiver.latest().lastError == nil }
        try await primary.stop()
    }

    @Test("a promoted standby fills what the former primary had not archived, so that a restore crosses the failover")
    func failover() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        _ = try primary.server.query("CREATE TABLE t AS SELECT 1 AS n")
        // Before the backup, so that it has all that may be missing after it.
        let standby = try await ArchivedServer.standby(of: primary)
        _ = try primary.backup()
        // From here on, nothing of the primary's gets into the archive.
        try primary.archiver.lease(until: nil)
        let names = try (2...3).map { number in
            _ = try primary.server.query("INSERT INTO t VALUES (\(number))")
            return try primary.switchSegment()
        }
        _ = try primary.server.query("INSERT INTO t VALUES (4)")
        let end = try #require(try primary.server.value("SELECT pg_current_wal_flush_lsn()"))
        try await eventually("the standby has all of it", within: .seconds(20)) {
            try standby.server.value("SELECT pg_last_wal_replay_lsn() >= '\(end)'") == "t"
        }
        primary.server.kill()
        #expect(try standby.files(".done").isSuperset(of: names))
        #expect(try !names.contains { try standby.isArchived($0) })

        try standby.archiver.lease()
        _ = try standby.server.query("SELECT pg_promote()")
        _ = try standby.server.query("INSERT INTO t VALUES (5)")
        let next = try standby.switchSegment()
        try await eventually("the gap is filled", within: .seconds(20)) {
            try names.allSatisfy(standby.isArchived) && standby.isArchived("00000002.history")
                && standby.isArchived(next)
        }
        // The unfinished end of the old timeline is no whole segment.
        let last = try #require(WALSegment(names[1])?.next)
        try await eventually("its unfinished end is kept as such") { try standby.isArchived("\(last).partial") }
        #expect(try !standby.isArchived("\(last)"))

        let root = try TemporaryDirectory()
        let (status, text) = try await RestoreCommand.restore(standby, to: root.file("target"))
        #expect(status == .exited(0), "\(text)")
        let question = "SELECT string_agg(n::text, ',' ORDER BY n) FROM t"
        #expect(try await RestoreCommand.ask(root.file("target"), [question], in: root) == ["1,2,3,4,5"])
        try await standby.stop()
        try await primary.stop()
    }

    @Test("a standby is promoted although the archive neither confirms nor denies that the timeline is free")
    func promotionWithoutArchive() async throws {
        let primary = try await ArchivedServer.primary()
        let standby = try await ArchivedServer.standby(of: primary)
        primary.server.kill()
        try Files.renameDurably(standby.archive, to: standby.archive + ".away")
        let start = BootClock.now()
        _ = try standby.server.query("SELECT pg_promote()")
        #expect(try standby.server.value("SELECT pg_is_in_recovery()") == "f")
        #expect(BootClock.now().since(start) < .seconds(5))
        try await standby.stop()
        try await primary.stop()
    }
}
