import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import TestSupport
import Testing

@testable import Archive

/// What Barman, other tools, networks and disks may hand us: never a crash, never a hang, and an error that names the
/// thing.
@Suite(.ownThread)
struct ParserFuzzTests {
    @Test("backup.info")
    func backupInfo() throws {
        let written = try BackupInfo(id: "20260101T000000", text: BackupInfoTests.sample).text
        let words = ["None", "\n=", "='", "status=DONE\n", "xlog_segment_size=3\n", "[(", "\\x4", "# ", "=\n", "\u{0}"]
        try Fuzz([BackupInfoTests.sample, written], words: words, cases: 6_000).run { bytes in
            let info: BackupInfo
            do throws(BackupInfoError) {
                info = try BackupInfo(id: "20260101T000000", text: String(decoding: bytes, as: UTF8.self))
            } catch {
                // Names the key, and shows the value.
                guard !error.key.isEmpty, error.description.contains(error.key) else { throw error }
                return
            }
            _ = (info.beginWAL, info.endWAL?.end, info.beginWAL?.next, info.majorVersion, info.isComplete)
            // What we write is what we read: a file that is read and written back does not decay.
            let again = try BackupInfo(id: info.id, text: info.text)
            guard again == info, again.text == info.text else { throw FixtureError("changes when written: \(info)") }
        }
    }

    @Test("Python's literals")
    func pythonLiteral() throws {
        let corpus = [
            "[('ts1', 16384, '/path/ts'), ('ts 2', 5, '/p')]", "{'total': 7.19, 'per': {'16384': 0}}",
            "'two\\nlines \\x01 \\u20ac \\U0001F418'", "(1,)", "[None, True, False, -1, 1e3]",
        ]
        let words = ["[", "(", "{", "]", ")", "}", ",", "'", "\\U00110000", "\\ud800", "\\x", ":", "None"]
        try Fuzz(corpus, words: words).run { bytes in
            guard let value = PythonLiteral(String(decoding: bytes, as: UTF8.self)) else { return }
            guard PythonLiteral(value.text) == value else { throw FixtureError("is read back as another") }
        }
    }

    @Test("tar archives")
    func tar() throws {
        let words = [
            "../", "/", "path=", "12 path=a/b\n", "0 ", "1 x\n", "99999999999999999999 path=x\n", "L", "x", "K",
        ]
        for padsChecksums in [false, true] {
            try Fuzz([TarSamples.plain, TarSamples.extended], words: words, cases: 5_000).run { bytes in
                let counter = Counter()
                var reader = TarReader(consumer: counter)
                do {
                    // Deeper than the check of the sum, which stops nearly all damage.
                    let input = padsChecksums ? TarSamples.withRightSums(bytes) : bytes
                    try reader.write(input.span.bytes)
                    try reader.finish()
                } catch let error as TarError {
                    guard error.description.contains("tar archive") || error.description.contains("extended") else {
                        throw FixtureError("says nothing: \(error)")
                    }
                }
                for path in counter.paths
                where path.hasPrefix("/") || path.split(separator: "/").contains("..") || path.utf8.contains(0) {
                    throw FixtureError("leads out: \(path)")
                }
            }
        }
    }

    private final class Counter: TarConsumer {
        var paths: [String] = []

        func begin(_ header: TarHeader) throws {
            if let path = try header.relativePath() { paths.append(path) }
        }
        func content(_ bytes: RawSpan) {}
        func end() {}
    }

    @Test("gzip: an error or the whole content, never a part or more than the stream holds")
    func gzip() throws {
        let content = (0..<20_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
        var good: [UInt8] = []
        let sink: (RawSpan) -> Void = { piece in piece.withUnsafeBytes { good += $0 } }
        let encoder = try GzipCodec().makeEncoder()
        let (front, back) = (Array(content[..<9_000]), Array(content[9_000...]))
        try encoder.write(front.span.bytes, to: sink)
        try encoder.endChunk(to: sink)
        try encoder.write(back.span.bytes, to: sink)
        try encoder.finish(to: sink)
        try Fuzz([good, good + good], cases: 6_000).run { bytes in
            let decoder = try GzipCodec().makeDecoder()
            var found: [UInt8] = []
            do {
                try decoder.write(bytes.span.bytes) { piece in
                    guard piece.byteCount <= 256 << 10 else { throw FixtureError("a piece of \(piece.byteCount)") }
                    piece.withUnsafeBytes { found += $0 }
                }
                try decoder.finish()
            } catch is CompressionError { return }
            // A deflate stream cannot grow by more than this.
            guard found.count <= bytes.count * 1_032 + 1_024 else { throw FixtureError("\(found.count) bytes") }
        }
    }

    @Test("headers of WAL segments")
    func walHeader() throws {
        let segment = SegmentFile.segment(5)
        let good = Array(SegmentFile.content(segment).prefix(64))
        try Fuzz([good]).run { bytes in
            guard let header = WALPageHeader(bytes) else {
                guard bytes.count < WALPageHeader.size else { throw FixtureError("not read") }
                return
            }
            let reason = header.mismatch(with: segment, of: SegmentFile.system, fileSize: UInt64(SegmentFile.size))
            // What passes has to be equal in all that is looked at.
            let same = bytes[8..<16] == good[8..<16] && bytes[24..<36] == good[24..<36]
            guard reason != nil || same else { throw FixtureError("is taken") }
        }
    }

    @Test("times")
    func timestamps() throws {
        let corpus = ["2026-01-02 03:04:05.678901+00:00", "2026-01-02T03:04:05Z", "2024-02-29 23:59+05:30"]
        try Fuzz(corpus, words: ["-", ":", "+", "Z", ".", "T"]).run { bytes in
            guard let time = Timestamp(String(decoding: bytes, as: UTF8.self)) else { return }
            guard Timestamp(time.description) == time, Timestamp(time.iso8601) == time else {
                throw FixtureError("is read back as another: \(time)")
            }
            _ = time.compact
        }
        for extreme in [Int64.min, .max, 0, -1] { _ = Timestamp(microseconds: extreme).description }
    }

    @Test("the archive's owner: nobody else's bytes take an archive over")
    func owner() throws {
        let directory = try TemporaryDirectory()
        let store = DirectoryStore(root: directory.path)
        let layout = ArchiveLayout(server: "x")
        let path = try "\(directory.directory("x/pgmahout"))/owner.json"
        let good = #"{"systemIdentifier":"7710409807607249731"}"#
        let words = ["null", "{}", "[]", "\"", "systemIdentifier", ":", "1e999", "\\u0000"]
        try Fuzz([good], words: words, cases: 2_000).run { bytes in
            try Files.writeQuickly(bytes, to: path)
            do {
                try ArchiveOwner.claim(store, layout, for: SystemIdentifier(rawValue: 42), if: {})
                throw FixtureError("was taken over")
            } catch let error as ArchiveError {
                let names = error.message.contains("owner.json") || error.message.contains("archive 'x'")
                guard error.kind == .refused, names else { throw FixtureError("\(error)") }
            }
            guard try Files.read(path) == bytes else { throw FixtureError("was overwritten") }
        }
    }

    @Test("requests over the archiver's socket, and names of its files")
    func requests() throws {
        let corpus = [
            "push 000000010000000000000001 /data/pg_wal/000000010000000000000001", "fetch 00000002.history /p",
        ]
        try Fuzz(corpus, words: ["push", "fetch", " ", "/", ".partial", ".00000028.backup"]).run { bytes in
            let line = String(decoding: bytes, as: UTF8.self)
            do throws(ArchiveError) { _ = try ArchiverRequest(line: line) } catch {
                guard ArchiverReply.failed(error).line.utf8.count < 8192 else { throw FixtureError("a long answer") }
            }
            _ = ArchiveLayout.dataPart(line)
            _ = ArchiveStatusFiles([line + ".ready", line + ".done", line])
        }
    }
}

/// Small archives.
private enum TarSamples {
    static let plain = archive([
        ("./PG_VERSION", "15\n"), ("base", nil), ("base/1/1259", String(repeating: "x", count: 700)),
    ])
    static let extended =
        block(name: "pax", type: "x", content: "20 path=base/1/22222\n16 size=3\n30 mtime=1767323045.500000000\n")
        + block(name: "short", type: "0", content: "abc")
        + block(name: "././@LongLink", type: "L", content: String(repeating: "long/", count: 30) + "name\u{0}")
        + block(name: "short", type: "0", content: "abc") + [UInt8](repeating: 0, count: 1024)

    private static func archive(_ entries: [(String, String?)]) -> [UInt8] {
        entries.flatMap { block(name: $0.0, type: $0.1 == nil ? "5" : "0", content: $0.1 ?? "") }
            + [UInt8](repeating: 0, count: 1024)
    }

    private static func block(name: String, type: Character, content: String) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ offset: Int) {
            bytes.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        put(name, 0)
        put("0000640", 100)
        put("0000145", 108)
        put("0000146", 116)
        let size = String(content.utf8.count, radix: 8)
        put(String(repeating: "0", count: 11 - size.count) + size, 124)
        put("15125353745", 136)
        put(String(type), 156)
        put("ustar\u{0}00", 257)
        let body = Array(content.utf8)
        return withRightSums(bytes) + body + [UInt8](repeating: 0, count: (512 - body.count % 512) % 512)
    }

    /// Each block that begins like an entry, with the sum that belongs to it.
    static func withRightSums(_ bytes: [UInt8]) -> [UInt8] {
        var fixed = bytes
        for start in stride(from: 0, to: bytes.count - 511, by: 512)
        where bytes[start + 257..<start + 262].elementsEqual("ustar".utf8) {
            let sum = String(TarHeader.checksum(Array(fixed[start..<start + 512])), radix: 8)
            let digits = String(repeating: "0", count: max(0, 6 - sum.count)) + sum
            fixed.replaceSubrange(start + 148..<start + 156, with: Array(digits.utf8.prefix(6)) + [0, 32])
        }
        return fixed
    }
}

extension Files {
    /// Without a sync: thousands in a row.
    fileprivate static func writeQuickly(_ bytes: [UInt8], to path: String) throws {
        let file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        try file.write(bytes)
    }
}
