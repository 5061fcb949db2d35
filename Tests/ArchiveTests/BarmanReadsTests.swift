import ClusterModel
import FoundationEssentials
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Archives of ours in the hands of barman-cloud, old and new.
@Suite(.ownThread)
struct BarmanReadsTests {
    private let fingerprint = "SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM t"
    /// What a server that was restored by somebody else must not do.
    private let harmless = ["archive_mode=off", "restore_command=", "hot_standby=off"]

    @Test("barman lists, shows and restores our backups, and what comes out is equal", arguments: Barman.all)
    func restores(barman: Barman) async throws {
        let ours = try await BucketServer.ours()
        _ = try ours.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 50000) AS n")
        _ = try ours.server.query("CREATE UNLOGGED TABLE u AS SELECT 1 AS n")
        var options = BaseBackup.Options()
        options.name = "nightly"
        let backup = try ours.backup(options)
        _ = try ours.server.query("INSERT INTO t VALUES (-1, 'later')")
        let expected = try ours.server.value(fingerprint)
        let last = try await ours.switchSegment()

        let list = try await barman.must("backup-list", ["--format", "json"], at: ours.place)
        let listed = try JSONDecoder().decode(BarmanList.self, from: Data(list.utf8)).backups
        #expect(listed.map(\.id) == [backup.id])
        #expect(listed.map(\.status) == ["DONE"])
        #expect(listed.first?.systemIdentifier == backup.systemIdentifier?.description)
        #expect(listed.first?.beginWAL == backup.beginWAL?.description)
        #expect(listed.first?.endWAL == backup.endWAL?.description)
        let table = try await barman.must("backup-list", at: ours.place)
        #expect(table.contains(backup.id) && table.contains("nightly"), "\(table)")
        let shown = try await barman.must("backup-show", at: ours.place, ["nightly"])
        #expect(shown.contains(backup.id) && shown.contains("DONE"), "\(shown)")
        // CloudNativePG looks under this very key.
        let json = try await barman.must("backup-show", ["--format", "json"], at: ours.place, [backup.id])
        let described = try JSONDecoder().decode([String: BarmanShown].self, from: Data(json.utf8))["cloud"]
        #expect(described?.status == "DONE")
        #expect(described?.beginWAL == backup.beginWAL?.description)

        let root = try TemporaryDirectory()
        let target = try root.directory("restored")
        try await barman.must("restore", at: ours.place, [backup.id, target])
        try await fetchWAL(barman, ours.place, from: backup, to: last, into: target)
        try AsPostgres.own(target)
        let answers = try await RestoreCommand.ask(
            target, [fingerprint, "SELECT count(*) FROM u"], in: root, settings: harmless)
        #expect(answers == [expected, "0"])
        try await ours.stop()
    }

    /// All segments from a backup's first to `last`, as barman's restore_command would bring them.
    private func fetchWAL(
        _ barman: Barman, _ place: Barman.Place, from backup: BackupInfo, to last: String, into target: String
    ) async throws {
        var segment = try #require(backup.beginWAL)
        while segment.description <= last {
            try await barman.must("wal-restore", at: place, [segment.description, "\(target)/pg_wal/\(segment)"])
            segment = segment.next
        }
    }

    @Test("barman brings back segments, histories and partial segments as they were", arguments: Barman.all)
    func walFiles(barman: Barman) async throws {
        let place = Barman.Place(bucket: try SignatureProxy.shared().bucket(), prefix: "p", server: "demo")
        let wal = try WALDirectory()
        let segment = SegmentFile.segment(3)
        let names = ["\(segment)", "\(segment.next).partial", "00000002.history", "\(segment).00000028.backup"]
        let contents = [
            SegmentFile.content(segment, noise: true), SegmentFile.content(segment.next),
            Array("1\t0/3000060\tno recovery target specified\n".utf8), Array("START WAL LOCATION: 0/300028\n".utf8),
        ]
        let settings = ArchiveSettings(
            location: try BucketServer.location(place), server: place.server, dataDirectory: wal.path,
            socketPath: wal.directory.file("a.sock"), systemIdentifier: SegmentFile.system)
        let archiver = try await RunningArchiver(settings, lease: true)
        for (name, content) in zip(names, contents) {
            try wal.add(name, content)
            let (status, text) = try await WALClient.push(archiver, name)
            #expect(status.isSuccess, "\(text)")
        }
        let root = try TemporaryDirectory()
        // barman gives a .partial segment for the whole, and has no use for backup histories.
        for (name, content) in zip(names, contents) where !name.hasSuffix(".backup") {
            try await barman.must("wal-restore", at: place, [name, root.file(name)])
            #expect(try Files.read(root.file(name)) == content, "\(name)")
        }
        let (status, _) = try await barman.run("wal-restore", at: place, ["\(segment.next.next)", root.file("none")])
        #expect(status == .exited(1), "what is not there is said so")
        _ = try await archiver.stop()
    }

    @Test("barman's check of an archive tells ours from an empty one", arguments: Barman.all)
    func checksArchives(barman: Barman) async throws {
        let ours = try await BucketServer.ours()
        try await ours.switchSegment()
        #expect(try !ours.keys("pgmahout/").isEmpty)
        let (status, text) = try await barman.run("check-wal-archive", at: ours.place)
        #expect(!status.isSuccess)
        #expect(text.contains("Expected empty archive"), "\(text)")
        try await barman.must("check-wal-archive", ["--timeline", "2"], at: ours.place)
        let other = Barman.Place(bucket: ours.place.bucket, prefix: ours.place.prefix, server: "another")
        try await barman.must("check-wal-archive", at: other)
        try await ours.stop()
    }

    @Test("barman keeps and deletes our backups with their WAL, and we see what it did", arguments: Barman.all)
    func deletes(barman: Barman) async throws {
        let ours = try await BucketServer.ours()
        let first = try ours.backup()
        try await ours.switchSegment()
        try await ours.switchSegment()
        let second = try ours.backup()
        let needed = try #require(second.beginWAL?.description)
        #expect(try ours.keys("wals/").contains { $0.segmentName < needed })

        try await barman.must("backup-keep", ["--target", "full"], at: ours.place, [first.id])
        let (kept, _) = try await barman.run("backup-delete", ["-b", first.id], at: ours.place)
        let listed = try await barman.must("backup-list", ["--format", "json"], at: ours.place)
        #expect(!kept.isSuccess || listed.contains(first.id), "a kept backup stays")
        #expect(listed.contains(first.id))
        try await barman.must("backup-keep", ["--release"], at: ours.place, [first.id])
        try await barman.must("backup-delete", ["-b", first.id], at: ours.place)

        #expect(try BackupCatalogue.list(ours.store(), ours.layout).map(\.id) == [second.id])
        let left = try ours.keys("wals/")
        #expect(left.contains { $0.segmentName == needed })
        #expect(!left.contains { $0.segmentName < needed }, "\(left)")
        // What is left can still be restored.
        let root = try TemporaryDirectory()
        try await ours.switchSegment()
        let (status, text) = try await ours.restore(to: root.file("restored"))
        #expect(status.isSuccess, "\(text)")
        try await ours.stop()
    }
}

extension String {
    fileprivate var segmentName: Substring { (split(separator: "/").last ?? "").prefix(24) }
}

/// What `backup-list --format json` says.
private struct BarmanList: Decodable {
    struct Backup: Decodable {
        let id: String
        let status: String
        let systemIdentifier: String
        let beginWAL: String
        let endWAL: String

        enum CodingKeys: String, CodingKey {
            case id = "backup_id"
            case status
            case systemIdentifier = "systemid"
            case beginWAL = "begin_wal"
            case endWAL = "end_wal"
        }
    }

    let backups: [Backup]

    enum CodingKeys: String, CodingKey { case backups = "backups_list" }
}

private struct BarmanShown: Decodable {
    let status: String
    let beginWAL: String

    enum CodingKeys: String, CodingKey {
        case status
        case beginWAL = "begin_wal"
    }
}
