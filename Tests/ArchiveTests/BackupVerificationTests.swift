import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Backups in the archive, read again: whole ones, and ones to which something was done.
@Suite(.ownThread)
struct BackupVerificationTests {
    /// Something that happens to one object, and what has to be told of it.
    private struct Damage {
        let what: String
        /// The object that it happens to; below `demo/`.
        let object: String
        let change: ([UInt8]) -> [UInt8]?
        let kinds: Set<BackupFinding.Kind>
        /// The object that is named, if it is another one; below `demo/`.
        var named: String?
        var words = ""
    }

    private func flip(_ bytes: [UInt8], at position: Int) -> [UInt8] {
        var bytes = bytes
        bytes[position] ^= 0x10
        return bytes
    }

    @Test("an intact backup is good, and whatever happens to any of its objects or its WAL is named")
    func damage() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        _ = try primary.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 50000) AS n")
        let backup = try primary.backup()
        var segments: [String] = []
        for _ in 0..<6 { segments.append(try primary.switchSegment()) }
        let last = try #require(segments.last)
        try await eventually("the WAL is archived", within: .seconds(30)) { try primary.isArchived(last) }
        let objects = try primary.store.listAll("", recursive: true)

        let good = try primary.verify(.newest)
        #expect(good.isGood && good.remarks.isEmpty, "\(good.findings) \(good.remarks)")
        #expect(good.comparedFiles > 900 && good.otherFiles == 0)
        #expect(good.objects >= 3 && good.walRead >= 1 && good.walSegments >= 6)
        #expect(good.walEnd == WALSegment(last)?.end)
        #expect(try primary.store.listAll("", recursive: true) == objects, "it only reads")
        let (status, text) = try await primary.pgmahout(["backup", "verify", backup.id, "--output", "json"])
        #expect(status == .exited(0) && text.contains("\"good\":true"), "\(text)")

        let begin = "wals/0000000100000000/\(try #require(backup.beginWAL)).gz"
        func wal(_ index: Int) -> String { "wals/0000000100000000/\(segments[index]).gz" }
        let (base, extra) = ("base/\(backup.id)", "pgmahout/base/\(backup.id)")
        let damages = [
            Damage(
                what: "a flipped bit in a part", object: "\(base)/data_0001.tar.gz",
                change: { self.flip($0, at: $0.count / 2) }, kinds: [.damaged], words: "it holds 'base/"),
            Damage(
                what: "a flipped bit in the header", object: "\(base)/data.tar.gz", change: { self.flip($0, at: 4) },
                kinds: [.damaged], words: "header"),
            Damage(
                what: "a flipped bit in the trailer", object: "\(base)/data.tar.gz",
                change: { self.flip($0, at: $0.count - 5) }, kinds: [.damaged], words: "trailer"),
            Damage(
                what: "the last bytes lost", object: "\(base)/data.tar.gz", change: { $0.dropLast(100).map(\.self) },
                kinds: [.damaged], words: "instead of"),
            Damage(
                what: "a part lost", object: "\(base)/data_0001.tar.gz", change: { _ in nil }, kinds: [.missing],
                words: "it held 'base/"),
            Damage(what: "the first part lost", object: "\(base)/data.tar.gz", change: { _ in nil }, kinds: [.missing]),
            Damage(
                what: "a flipped bit in an index", object: "\(extra)/data_0001.index.json.gz",
                change: { self.flip($0, at: $0.count / 2) }, kinds: [.damaged]),
            Damage(
                what: "an index lost", object: "\(extra)/data_0001.index.json.gz", change: { _ in nil },
                kinds: [.missing]),
            Damage(
                what: "a flipped bit in the WAL of the backup", object: begin,
                change: { self.flip($0, at: $0.count / 2) }, kinds: [.damaged]),
            Damage(
                what: "half a segment", object: begin, change: { Array($0[..<($0.count / 2)]) }, kinds: [.damaged],
                words: "truncated"),
            Damage(
                what: "another segment under its name", object: begin,
                change: { _ in try? Files.read("\(primary.archive)/demo/\(wal(3))", limit: 32 << 20) },
                kinds: [.damaged], words: "begins at"),
            Damage(
                what: "the WAL of the backup lost", object: begin, change: { _ in nil }, kinds: [.missing],
                words: "not consistent"),
            Damage(
                what: "a segment behind it lost", object: wal(3), change: { _ in nil }, kinds: [.missing],
                words: "it is missing"),
            Damage(
                what: "a line of the description lost", object: "\(base)/backup.info",
                change: { Self.lines($0) { $0.hasPrefix("systemid=") ? nil : $0 } }, kinds: [.damaged],
                words: "lacks systemid"),
            Damage(
                what: "a contradiction in the description", object: "\(base)/backup.info",
                change: { Self.lines($0) { $0.hasPrefix("begin_wal=") ? "begin_wal=0000000100000000000000EE" : $0 } },
                kinds: [.mismatch], words: "begin_wal"),
            Damage(
                what: "a description that cannot be read", object: "\(base)/backup.info",
                change: { Self.lines($0) { $0.hasPrefix("begin_xlog=") ? "begin_xlog=what" : $0 } }, kinds: [.damaged]),
            Damage(
                what: "the description lost", object: "\(base)/backup.info", change: { _ in nil }, kinds: [.missing]),
        ]
        for damage in damages {
            let path = "\(primary.archive)/demo/\(damage.object)"
            let content = try Files.read(path, limit: 64 << 20)
            try Files.remove(path)
            if let changed = damage.change(content) { try Files.writeDurably(changed, to: path) }
            let check = try primary.verify(.one(backup.id))
            let finding = try #require(check.findings.first, "\(damage.what)")
            #expect(Set(check.findings.map(\.kind)) == damage.kinds, "\(damage.what): \(check.findings)")
            #expect(Set(check.findings.map(\.object)) == ["demo/\(damage.object)"], "\(damage.what): \(check.findings)")
            #expect(finding.detail.contains(damage.words), "\(damage.what): \(check.findings)")
            try Files.writeDurably(content, to: path)
        }
        #expect(try primary.verify(.all).isGood)

        // Several gaps at once, one of them of two segments; only the first is missed by restores to before it.
        for index in [1, 3, 4] { try Files.remove("\(primary.archive)/demo/\(wal(index))") }
        let gaps = try primary.verify(.newest)
        #expect(gaps.findings.map(\.kind) == [.missing, .gap])
        #expect(gaps.findings.map(\.object) == [1, 3].map { "demo/" + wal($0) })
        #expect(gaps.findings.last?.detail.contains("segments \(segments[3]) to \(segments[4])") == true)
        #expect(gaps.walEnd == WALSegment(segments[1])?.start)
        let (failed, words) = try await primary.pgmahout(["backup", "verify"])
        #expect(failed == .exited(1) && words.contains(segments[3]) && words.contains("2 findings"), "\(words)")
        try await primary.stop()
    }

    /// A text file with some of its lines changed, or left out.
    private static func lines(_ bytes: [UInt8], _ change: (Substring) -> String?) -> [UInt8] {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return Array(lines.compactMap { line in change(line).map { $0 + "\n" } }.joined().utf8)
    }

    private static func lines(_ bytes: [UInt8], _ change: (Substring) -> Substring?) -> [UInt8] {
        lines(bytes) { change($0).map(String.init) }
    }

    @Test("WAL between two backups is missed only by the older one, and behind one that is kept alone by nobody")
    func several() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let first = try primary.backup()
        let between = try (0..<3).map { _ in try primary.switchSegment() }
        let second = try primary.backup()
        let behind = try (0..<3).map { _ in try primary.switchSegment() }
        try await eventually("the WAL is archived", within: .seconds(30)) { try primary.isArchived(behind[2]) }
        var checks = try primary.verifyAll()
        #expect(checks.map(\.backup) == [first.id, second.id] && checks.allSatisfy(\.isGood))
        func lose(_ name: String) throws {
            try primary.store.delete(primary.layout.wal(try #require(WALFileName(name)), suffix: ".gz"))
        }
        try lose(between[1])
        try lose(behind[1])
        checks = try primary.verifyAll()
        #expect(checks[0].findings.map(\.object) == ["demo/wals/0000000100000000/\(between[1]).gz"])
        #expect(checks[1].findings.map(\.object) == ["demo/wals/0000000100000000/\(behind[1]).gz"])
        // By itself the older one is whole.
        #expect(try primary.verify(.one(first.id)).isGood)
        let keep = primary.layout.backup(first.id) / "annotations" / "keep"
        _ = try primary.store.putIfAbsent(keep, Array("standalone".utf8))
        #expect(try primary.verifyAll().map(\.isGood) == [true, false])
        #expect { try primary.verify(.one("20200101T000000")) } throws: { "\($0)".contains("holds no backup") }
        try await primary.stop()
    }

    @Test("the way goes on over a promotion, and a lost history is named")
    func timelines() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let standby = try await ArchivedServer.standby(of: primary)
        let backup = try primary.backup()
        try primary.switchSegment()
        let end = try #require(try primary.server.value("SELECT pg_current_wal_flush_lsn()"))
        try await eventually("the standby has all of it", within: .seconds(20)) {
            try standby.server.value("SELECT pg_last_wal_replay_lsn() >= '\(end)'") == "t"
        }
        primary.server.kill()
        try standby.archiver.lease()
        _ = try standby.server.query("SELECT pg_promote()")
        let last = try standby.switchSegment()
        try await eventually("the new timeline is archived", within: .seconds(30)) {
            try standby.isArchived(last) && standby.isArchived("00000002.history")
        }
        let check = try primary.verify(.one(backup.id))
        #expect(check.isGood, "\(check.findings)")
        #expect(check.timeline == TimelineID(2) && check.walEnd == WALSegment(last)?.end)
        let history = "\(primary.archive)/demo/wals/00000002.history.gz"
        let content = try Files.read(history)
        try Files.remove(history)
        let lost = try primary.verify(.newest)
        #expect(lost.findings.map(\.object) == ["demo/wals/00000002.history.gz"])
        #expect(lost.findings.first?.kind == .missing)
        try Files.writeDurably(Array(content.dropLast(9)), to: history)
        #expect(try primary.verify(.newest).findings.map(\.kind) == [.damaged])
        try await standby.stop()
        try await primary.stop()
    }

    @Test(
        "backups of barman are read as far as they can be checked, and damage in them is named", arguments: Barman.all)
    func foreign(barman: Barman) async throws {
        let theirs = try await BucketServer.theirs()
        _ = try theirs.server.query(
            "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 50000) AS n")
        // As pg_basebackup leaves it in a server that is made by it: of another backup, with sums that do not match.
        let manifest = """
            { "PostgreSQL-Backup-Manifest-Version": 1,
            "Files": [{ "Path": "PG_VERSION", "Size": 77, "Checksum-Algorithm": "CRC32C", "Checksum": "00000000" }],
            "WAL-Ranges": [{ "Timeline": 1, "Start-LSN": "0/28", "End-LSN": "0/100" }],
            "Manifest-Checksum": "none"}

            """
        try Files.writeDurably(Array(manifest.utf8), to: theirs.server.dataDirectory + "/backup_manifest")
        try giveToPostgres(theirs.server.dataDirectory + "/backup_manifest")
        let id = try await theirs.backup(by: barman)
        for _ in 0..<3 { try await theirs.switchSegment() }
        try await theirs.ship(by: barman)
        func check() throws -> BackupCheck { try verifyOne(theirs.store(), theirs.layout, .one(id)) }
        let good = try check()
        #expect(good.isGood, "\(good.findings)")
        #expect(good.remarks.count == 1 && good.remarks[0].contains("of an earlier one"), "\(good.remarks)")
        #expect(good.comparedFiles == 0 && good.otherFiles > 900 && good.walSegments >= 3)
        let (status, text) = try await theirs.restore(to: theirs.directory.file("target"))
        #expect(status == .exited(0), "\(text)")

        let store = try theirs.store()
        let part = theirs.layout.dataPart(0, of: id, suffix: ".gz")
        let content = try #require(try store.readAll(part, limit: 64 << 20))
        try store.delete(part)
        _ = try store.putIfAbsent(part, flip(content, at: content.count / 2))
        let segment = try #require(try theirs.keys("wals/").filter { $0.hasSuffix(".gz") }.dropLast().last)
        try store.delete(ObjectKey(segment))
        let bad = try check()
        #expect(Set(bad.findings.map(\.object)) == [part.text, segment], "\(bad.findings)")
        #expect(Set(bad.findings.map(\.kind)) == [.damaged, .missing], "\(bad.findings)")
        try await theirs.stop()
    }

    @Test("the parts of tablespaces count as well")
    func tablespaces() async throws {
        let primary = try await ArchivedServer.primary()
        try primary.archiver.lease()
        let space = try primary.directory.directory("space")
        try giveToPostgres(space)
        _ = try primary.server.query("CREATE TABLESPACE aside LOCATION '\(space)'")
        _ = try primary.server.query("CREATE TABLE far TABLESPACE aside AS SELECT generate_series(1, 1000) AS n")
        let backup = try primary.backup()
        #expect(try primary.verify(.newest).isGood)
        let part = "demo/base/\(backup.id)/\(try #require(backup.tablespaces.first?.oid)).tar.gz"
        let content = try Files.read("\(primary.archive)/\(part)", limit: 1 << 20)
        try Files.remove("\(primary.archive)/\(part)")
        let lost = try primary.verify(.newest)
        #expect(lost.findings.map(\.object) == [part] && lost.findings.first?.kind == .missing, "\(lost.findings)")
        try Files.writeDurably(flip(content, at: content.count / 2), to: "\(primary.archive)/\(part)")
        #expect(try primary.verify(.newest).findings.map(\.object) == [part])
        let (status, text) = try await primary.pgmahout(["backup", "show", "--output", "json"])
        #expect(status == .exited(0) && text.contains(part) && text.contains("\"name\":\"aside\""), "\(text)")
        let (shown, sheet) = try await primary.pgmahout(["backup", "show", backup.id])
        #expect(shown == .exited(0) && sheet.contains("tablespace  aside"), "\(sheet)")
        try await primary.stop()
    }
}

/// The result for one backup.
func verifyOne(_ store: any ObjectStore, _ layout: ArchiveLayout, _ choice: BackupVerification.Choice) throws
    -> BackupCheck
{
    var checks: [BackupCheck] = []
    try BackupVerification(store, layout).run(choice) { checks.append($0) }
    guard let check = checks.last else { throw FixtureError("nothing was checked") }
    return check
}

extension ArchivedServer {
    func verify(_ choice: BackupVerification.Choice) throws -> BackupCheck { try verifyOne(store, layout, choice) }

    func verifyAll() throws -> [BackupCheck] {
        var checks: [BackupCheck] = []
        try BackupVerification(store, layout).run(.all) { checks.append($0) }
        return checks
    }

    /// `pgmahout …` about this archive, as the postgres user.
    func pgmahout(_ arguments: [String]) async throws -> (status: Platform.ExitStatus, text: String) {
        try AsPostgres.own(archive)
        return try await TestChildren.output(
            of: Command(
                try ClusterPrograms.path(), arguments + ["--archive", archive, "--server", Self.serverName]
            ).asPostgres)
    }
}
