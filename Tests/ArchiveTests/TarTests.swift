import Platform
import TestSupport
import Testing

@testable import Archive

@Suite(.ownThread)
struct TarTests {
    private func header(_ name: String, size: UInt64 = 0, kind: TarHeader.Kind = .file) -> TarHeader {
        TarHeader(name: name, kind: kind, mode: 0o640, owner: 101, group: 102, size: size, modified: 1_767_323_045)
    }

    private func archive(_ entries: [(TarHeader, [UInt8])]) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let sink: (RawSpan) -> Void = { piece in piece.withUnsafeBytes { bytes += $0 } }
        var writer = TarWriter()
        for (header, content) in entries {
            try writer.begin(header, to: sink)
            try writer.content(content.span.bytes, to: sink)
            try writer.end(to: sink)
        }
        try writer.finish(to: sink)
        return bytes
    }

    private final class Collected: TarConsumer {
        var entries: [(header: TarHeader, content: [UInt8])] = []
        func begin(_ header: TarHeader) { entries.append((header, [])) }
        func content(_ bytes: RawSpan) { bytes.withUnsafeBytes { entries[entries.count - 1].content += $0 } }
        func end() {}
    }

    private func read(_ bytes: [UInt8], pieces: Int = 1000) throws -> [(header: TarHeader, content: [UInt8])] {
        let collected = Collected()
        var reader = TarReader(consumer: collected)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            try reader.write(bytes.span.extracting(start..<min(start + pieces, bytes.count)).bytes)
        }
        try reader.finish()
        return collected.entries
    }

    private let long = "base/" + String(repeating: "very-long-name/", count: 12) + "end"

    @Test("what was written is read back, in pieces of any size", arguments: [1, 511, 512, 513, 1 << 20])
    func roundTrip(pieces: Int) throws {
        let large = (0..<5000).map { UInt8(truncatingIfNeeded: $0) }
        let entries: [(TarHeader, [UInt8])] = [
            (header(".", kind: .directory), []), (header("base", kind: .directory), []), (header("empty"), []),
            (header("base/1", size: 5000), large), (header(long, size: 3), [1, 2, 3]),
            (header("end", size: 512), Array(large[..<512])),
        ]
        let found = try read(try archive(entries), pieces: pieces)
        #expect(found.map(\.content) == entries.map(\.1))
        #expect(try found.map { try $0.header.relativePath() } == [nil, "base", "empty", "base/1", long, "end"])
        #expect(found.map(\.header.kind) == entries.map(\.0.kind))
        #expect(found[3].header.size == 5000)
        #expect(found[3].header.mode == 0o640)
        #expect(found[3].header.modified == 1_767_323_045)
    }

    @Test("a file that grew is cut, and one that shrank is filled up with zeros")
    func changingFiles() throws {
        let found = try read(try archive([(header("grew", size: 2), [1, 2, 3]), (header("shrank", size: 600), [9])]))
        #expect(found[0].content == [1, 2])
        #expect(found[1].content == [9] + [UInt8](repeating: 0, count: 599))
    }

    @Test("sizes that the classic field cannot hold survive")
    func hugeFile() throws {
        let block = header("huge", size: 1 << 40).encoded
        let collected = Collected()
        var reader = TarReader(consumer: collected)
        try reader.write(block.span.bytes)
        #expect(collected.entries.map(\.header.size) == [1 << 40])
    }

    @Test("Python's tarfile reads ours as a stream")
    func pythonReads() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("x.tar")
        try Files.writeDurably(
            try archive([(header("base", kind: .directory), []), (header(long, size: 3), [65, 66, 67])]), to: path,
            mode: 0o644)
        let script = """
            import tarfile, sys
            with tarfile.open(sys.argv[1], 'r|') as archive:
                for m in archive:
                    print(m.name, m.isdir(), m.size, m.isfile() and archive.extractfile(m).read().decode())
            """
        let (status, text) = try await TestChildren.output(
            of: Command("/usr/bin/env", ["python3", "-c", script, path]))
        #expect(status.isSuccess)
        #expect(text == "base True 0 False\n\(long) False 3 ABC\n")
    }

    @Test("Python's archives in both of its formats are read", arguments: ["PAX_FORMAT", "GNU_FORMAT"])
    func readsPython(format: String) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("x.tar")
        let script = """
            import tarfile, io, sys
            with tarfile.open(sys.argv[1], 'w', format=tarfile.\(format)) as archive:
                for name in ['./PG_VERSION', sys.argv[2]]:
                    m = tarfile.TarInfo(name); m.size = 5; m.mtime = 1767323045.5
                    archive.addfile(m, io.BytesIO(b'hello'))
            """
        let (status, text) = try await TestChildren.output(
            of: Command("/usr/bin/env", ["python3", "-c", script, path, long]))
        #expect(status.isSuccess, "\(text)")
        let found = try read(try Files.read(path))
        #expect(try found.map { try $0.header.relativePath() } == ["PG_VERSION", long])
        #expect(found.map(\.content) == [Array("hello".utf8), Array("hello".utf8)])
    }

    @Test(
        "names that lead out of the directory are refused",
        arguments: ["../x", "/etc/passwd", "base/../../x", "a\u{0}b"])
    func escapes(name: String) {
        #expect(throws: TarError.self) { try header(name).relativePath() }
    }

    @Test("an archive that was cut off or damaged is an error")
    func damaged() throws {
        let whole = try archive([(header("a", size: 600), [UInt8](repeating: 1, count: 600))])
        for count in [0, 100, 512, 1000, whole.count - 1024] {
            #expect(throws: TarError.self) { try read(Array(whole.prefix(count))) }
        }
        var flipped = whole
        flipped[3] ^= 1
        #expect(throws: TarError.self) { try read(flipped) }
    }
}
