import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres
import TestSupport
import Testing

@testable import Archive

/// Unpacking by chunks, in any order and by several threads, against the same object read as a stream.
@Suite(.ownThread)
struct IndexedPartTests {
    private struct Fixture {
        let directory: TemporaryDirectory
        let store: DirectoryStore
        let plan: RestorePlan
        let index: BackupPartIndex
        let files: [(path: String, content: [UInt8])]
        let key: ObjectKey
    }

    private static let chunk = 64 << 10

    /// A backup of one part, with a real control file.
    private func fixture() async throws -> Fixture {
        let directory = try TemporaryDirectory()
        let template = try await PostgresFixture.template()
        let control = try Files.read(template + "/global/pg_control", limit: 64 << 10)
        var random = SystemRandomNumberGenerator()
        let large = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 / 7 ^ $0) }
        var files: [(path: String, content: [UInt8])] = [
            ("PG_VERSION", Array("15\n".utf8)), ("base/5/1249", large), ("base/5/empty", []),
            ("base/5/small", [1, 2, 3]),
            ("base/5/noise", (0..<200_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }),
            ("postmaster.opts", [9]), ("global/pg_control", control), ("backup_label", Array("START\n".utf8)),
        ]
        let listed = files.filter { $0.path != "postmaster.opts" }.map { file in
            var sum = RunningCRC32C()
            sum.add(file.content.span.bytes)
            return "{\"Path\": \"\(file.path)\", \"Size\": \(file.content.count), \"Checksum-Algorithm\": \"CRC32C\", "
                + "\"Checksum\": \"\(BackupManifest.text(sum.value))\"}"
        }
        files.append(("backup_manifest", Array("{\"Files\": [\(listed.joined(separator: ","))]}".utf8)))

        var (tar, index) = ([UInt8](), BackupPartIndex())
        var writer = TarWriter()
        func header(_ name: String, _ kind: TarHeader.Kind, _ size: Int) -> TarHeader {
            TarHeader(
                name: name, kind: kind, mode: kind == .directory ? 0o700 : 0o600, owner: 1, group: 1,
                size: UInt64(size),
                modified: 1)
        }
        func sink(_ piece: RawSpan) { piece.withUnsafeBytes { tar += $0 } }
        for name in [".", "base", "base/5", "global"] {
            try writer.begin(header(name, .directory, 0), to: sink)
            index.directories.append(.init(path: name, mode: 0o700))
        }
        for (path, content) in files {
            try writer.begin(header(path, .file, content.count), to: sink)
            index.files.append(
                .init(path: path, offset: UInt64(tar.count), size: UInt64(content.count), mode: 0o600))
            try writer.content(content.span.bytes, to: sink)
            try writer.end(to: sink)
        }
        try writer.finish(to: sink)
        let encoder = try GzipChunkEncoder(GzipCodec(), largestChunk: Self.chunk)
        var (object, member) = (GzipMember.header, GzipMember())
        for start in stride(from: 0, to: tar.count, by: Self.chunk) {
            let piece = tar.span.extracting(start..<min(tar.count, start + Self.chunk)).bytes
            try encoder.write(piece) { chunk, bytes in
                bytes.withUnsafeBytes { object += $0 }
                member.add(chunk)
                index.chunks.append(chunk)
            }
        }
        object += member.trailer
        index.size = UInt64(object.count)

        let store = DirectoryStore(root: try directory.directory("archive"))
        var info = BackupInfo(id: "20260102T030405", status: .done)
        info.timeline = TimelineID(1)
        (info.beginLSN, info.endLSN) = (LSN("0/2000028"), LSN("0/2000100"))
        info.systemIdentifier = try ControlData.parse(control).systemIdentifier
        let request = RestoreRequest(
            archive: .directory(store.root), server: "demo", targetDirectory: directory.file("target"),
            binDirectory: "/nowhere", walClient: "/nowhere", parallel: 3)
        let path = try #require(RecoveryPath(from: info, to: TimelineHistory(timeline: TimelineID(1))))
        var plan = RestorePlan(request, BackupChoice(backup: info, path: path), path.reach(in: []))
        let name = BackupPartName(.data, number: 0)
        let key = request.layout.part(name, of: info.id, suffix: ".gz")
        _ = try store.putIfAbsent(key, object)
        plan.parts = [RestorePlan.Part(key: key, name: name, suffix: ".gz", bytes: UInt64(object.count))]
        return Fixture(directory: directory, store: store, plan: plan, index: index, files: files, key: key)
    }

    private func unpack(_ fixture: Fixture, into name: String) throws -> String {
        let target = try fixture.directory.directory(name)
        let unpacking = RestoreUnpacking(plan: fixture.plan, store: fixture.store, directory: target)
        _ = try unpacking.run { _ in }
        #expect(!Files.exists(target + "/global/pg_control"), "it comes last")
        try unpacking.seal()
        return target
    }

    private func put(_ index: BackupPartIndex, _ fixture: Fixture) throws {
        let key = fixture.plan.request.layout.index(of: BackupPartName(.data, number: 0), fixture.plan.backup.id)
        try fixture.store.delete(key)
        _ = try fixture.store.putIfAbsent(key, index.encoded)
    }

    @Test("what the index leads to is what the stream has; an index that does not fit is left aside")
    func equal() async throws {
        let fixture = try await fixture()
        var indexes: [(String, BackupPartIndex?)] = [("stream", nil), ("indexed", fixture.index)]
        var other = fixture.index
        other.size += 1
        indexes.append(("other-object", other))
        var outside = fixture.index
        outside.files[0] = .init(path: "../outside", offset: outside.files[0].offset, size: 3, mode: 0o600)
        indexes.append(("outside", outside))
        for (name, index) in indexes {
            if let index { try put(index, fixture) }
            let target = try unpack(fixture, into: name)
            for file in fixture.files where file.path != "postmaster.opts" {
                let content = try Files.read("\(target)/\(file.path)")
                #expect(content == file.content, "\(name): \(file.path)")
            }
            #expect(!Files.exists(target + "/postmaster.opts"))
        }
        #expect(
            !Files.exists(fixture.directory.file("outside")) || Files.isDirectory(fixture.directory.file("outside")))
    }

    @Test("a damaged chunk, an index with a lost file, and a file that is not the manifest's are found")
    func damage() async throws {
        let fixture = try await fixture()
        try put(fixture.index, fixture)
        let path = fixture.store.root + "/" + fixture.key.text
        let whole = try Files.read(path)
        var broken = whole
        broken[whole.count / 2] ^= 0x40
        try Files.writeDurably(broken, to: path)
        #expect { try unpack(fixture, into: "broken") } throws: { "\($0)".contains("damaged") }
        try Files.writeDurably(whole, to: path)
        var lost = fixture.index
        lost.files.remove(at: 1)
        try put(lost, fixture)
        #expect { try unpack(fixture, into: "lost") } throws: { "\($0)".contains("'base/5/1249' is missing") }
        var shifted = fixture.index
        let file = shifted.files[1]
        shifted.files[1] = .init(path: file.path, offset: file.offset + 1, size: file.size, mode: file.mode)
        try put(shifted, fixture)
        #expect { try unpack(fixture, into: "shifted") } throws: {
            "\($0)".contains("'base/5/1249' has another checksum")
        }
    }
}
