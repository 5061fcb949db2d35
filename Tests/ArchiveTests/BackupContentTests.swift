import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Backups that are whole as far as gzip can tell, and whose content contradicts what is said about it.
struct BackupContentTests {
    private let root: TemporaryDirectory
    private let store: DirectoryStore
    private let layout = ArchiveLayout(server: "demo")
    private let id = "20260101T000000"

    /// What may be otherwise than it should be.
    struct Fake {
        var label = """
            START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
            CHECKPOINT LOCATION: 0/2000060
            START TIMELINE: 1

            """
        var version = "15\n"
        var table: [UInt8] = Array("a table".utf8)
        /// As the manifest has it; nil: as it is.
        var tableInManifest: [UInt8]?
        /// The manifest's first position.
        var begin: LSN = LSN(rawValue: 0x200_0028)
        var brokenManifest = false
        var hasTable = true
        var twice = false
        var change: (inout BackupInfo) -> Void = { _ in }
    }

    init() throws {
        root = try TemporaryDirectory()
        store = DirectoryStore(root: try root.directory("archive"))
    }

    private func make(_ fake: Fake) async throws -> BackupCheck {
        let template = try await PostgresFixture.standard.template()
        let control = try Files.read(template + "/global/pg_control")
        let system = try ControlData.parse(control).systemIdentifier
        var files = [
            ("PG_VERSION", Array(fake.version.utf8)), ("base/5/16384", fake.table),
            ("global/pg_control", control), ("backup_label", Array(fake.label.utf8)),
        ]
        let entries = files.map { name, content in
            let content = name == "base/5/16384" ? fake.tableInManifest ?? content : content
            return BackupManifestText.Entry(
                path: name, size: UInt64(content.count), modified: 0, sum: CRC32C.checksum(content))
        }
        var manifest = try BackupManifestText(
            entries: entries, timeline: TimelineID(1), start: fake.begin, end: LSN(rawValue: 0x200_0100),
            systemIdentifier: system, serverVersion: 150_018
        ).encoded()
        if fake.brokenManifest { manifest[10] = UInt8(ascii: "p") }
        files.append(("backup_manifest", manifest))
        if !fake.hasTable { files.remove(at: 1) }
        if fake.twice { files.append(files[1]) }
        _ = try store.putIfAbsent(layout.dataPart(0, of: id, suffix: ".gz"), tar(files).gzipped())

        let segment = try #require(WALSegment("000000010000000000000002"))
        _ = try store.putIfAbsent(
            layout.wal(.segment(segment), suffix: ".gz"), SegmentFile.content(segment, system: system).gzipped())
        var info = BackupInfo(id: id, status: .done)
        info.label = fake.label
        (info.beginTime, info.endTime) = (Timestamp("2026-01-01T00:00:00Z"), Timestamp("2026-01-01T00:01:00Z"))
        (info.beginLSN, info.endLSN) = (LSN(rawValue: 0x200_0028), LSN(rawValue: 0x200_0100))
        (info.timeline, info.systemIdentifier, info.serverVersion) = (TimelineID(1), system, 150_018)
        info.dataDirectory = "/data"
        fake.change(&info)
        _ = try store.putIfAbsent(layout.backupInfo(id), Array(info.text.utf8))
        return try verifyOne(store, layout, .newest)
    }

    private func tar(_ files: [(String, [UInt8])]) throws -> [UInt8] {
        var output: [UInt8] = []
        func sink(_ bytes: RawSpan) { bytes.withUnsafeBytes { output += $0 } }
        var writer = TarWriter()
        for (name, content) in files {
            let header = TarHeader(
                name: name, kind: .file, mode: 0o600, owner: 0, group: 0, size: UInt64(content.count), modified: 0)
            try writer.begin(header, to: sink)
            try writer.content(content.span.bytes, to: sink)
            try writer.end(to: sink)
        }
        try writer.finish(to: sink)
        return output
    }

    @Test("what agrees with itself is good, without an index as well")
    func good() async throws {
        let check = try await make(Fake())
        #expect(check.isGood && check.remarks.isEmpty, "\(check.findings) \(check.remarks)")
        #expect(check.comparedFiles == 4 && check.otherFiles == 0 && check.walRead == 1)
    }

    @Test("files that are not what the manifest says are named, one by one")
    func manifest() async throws {
        let check = try await make(Fake(tableInManifest: Array("a tablE".utf8)))
        #expect(check.findings.map(\.kind) == [.damaged])
        #expect(check.findings.first?.detail.contains("'base/5/16384' has another checksum") == true)
    }

    @Test("a file of another size, and one that is lost without any part being damaged")
    func sizes() async throws {
        let check = try await make(Fake(tableInManifest: Array("a longer table".utf8)))
        #expect(check.findings.map(\.detail) == ["'base/5/16384' has 7 bytes instead of 14"])
    }

    @Test("a file that no part holds is missing")
    func lost() async throws {
        let check = try await make(Fake(hasTable: false))
        #expect(check.findings.map(\.kind) == [.missing])
        #expect(check.findings.first?.detail.contains("'base/5/16384'") == true)
    }

    @Test("a manifest that was changed convinces nobody")
    func brokenManifest() async throws {
        let check = try await make(Fake(brokenManifest: true))
        #expect(check.findings.map(\.kind) == [.damaged], "\(check.findings)")
        #expect(check.findings.first?.object == "demo/base/\(id)/backup_manifest")
    }

    @Test("a name that comes twice, which a restore would refuse")
    func twice() async throws {
        let check = try await make(Fake(twice: true))
        #expect(check.findings.count == 1)
        #expect(check.findings.first?.detail.contains("'base/5/16384' is in the backup twice") == true)
    }

    @Test("another label, another version and another system than in the description")
    func contradictions() async throws {
        let check = try await make(
            Fake(
                version: "14\n",
                change: {
                    $0.systemIdentifier = SystemIdentifier(rawValue: 77)
                    $0.label = $0.label?.replacing("CHECKPOINT", with: "Checkpoint")
                }))
        let details = check.findings.filter { $0.kind == .mismatch }.map(\.detail)
        for part in ["backup_label is not the one", "not of PostgreSQL 15", "not of 77"] {
            #expect(details.contains { $0.contains(part) }, "\(part): \(details)")
        }
        // The WAL is of the other system as well.
        #expect(check.findings.contains { $0.kind == .damaged && $0.detail.contains("not to 77") })
    }

    @Test("a description whose positions and label do not fit")
    func positions() async throws {
        let check = try await make(
            Fake(change: {
                $0.timeline = TimelineID(1)
                $0.label = $0.label?.replacing("0/2000028", with: "0/3000028").replacing(
                    "START TIMELINE: 1", with: "START TIMELINE: 3")
            }))
        let details = check.findings.map(\.detail)
        #expect(details.contains { $0.contains("begins at 0/3000028") }, "\(details)")
        #expect(details.contains { $0.contains("of timeline 3") }, "\(details)")
    }

    @Test("parts that cannot be read here, and of tablespaces that nobody knows, are told as not checked")
    func unknown() async throws {
        _ = try store.putIfAbsent(ObjectKey("demo/base/\(id)/data_0001.tar.snappy"), [1, 2, 3])
        _ = try store.putIfAbsent(ObjectKey("demo/base/\(id)/4711.tar.gz"), [1, 2, 3])
        let check = try await make(Fake())
        #expect(check.isGood)
        #expect(check.remarks.contains { $0.contains("data_0001.tar.snappy") && $0.contains("not checked") })
        #expect(check.remarks.contains { $0.contains("4711.tar.gz") })
    }
}
