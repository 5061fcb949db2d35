import Compression
import ObjectStorage
import Platform
import TestSupport
import Testing

@testable import Archive

struct BackupPartIndexTests {
    @Test("an index comes back from the archive as it was put there")
    func roundTrip() throws {
        let directory = try TemporaryDirectory()
        let store = DirectoryStore(root: directory.path)
        let layout = ArchiveLayout(server: "demo")
        let part = BackupPartName(.tablespace(16_384), number: 1)
        let index = BackupPartIndex(
            chunks: [
                GzipChunk(uncompressed: 1 << 20, compressed: 9, sum: .max),
                GzipChunk(uncompressed: 7, compressed: 3, sum: 0),
            ],
            files: [.init(path: "base/5/é \"x\"", offset: 512, size: 1 << 40, mode: 0o600)],
            directories: [.init(path: ".", mode: 0o700)], size: 5 << 40)
        let key = layout.index(of: part, "20260102T030405")
        #expect(key.text == "demo/pgmahout/base/20260102T030405/16384_0001.index.json.gz")
        #expect(try BackupPartIndex.read(store, layout, part: part, of: "20260102T030405") == nil)
        #expect(try store.putIfAbsent(key, index.encoded) == .created)
        #expect(try BackupPartIndex.read(store, layout, part: part, of: "20260102T030405") == index)
        #expect(index.uncompressedSize == (1 << 20) + 7)
    }

    @Test(
        "an index of another version, or that makes no sense, is an error",
        arguments: [
            "", "{}", #"{"version":2,"size":1,"chunks":[],"files":[],"directories":[]}"#,
            #"{"version":1,"size":1,"chunks":[[0,1,1]],"files":[],"directories":[]}"#,
            #"{"version":1,"size":1,"chunks":[[1,-1,1]],"files":[],"directories":[]}"#,
            #"{"version":1,"size":-1,"chunks":[],"files":[],"directories":[]}"#,
        ])
    func unreadable(text: String) throws {
        let directory = try TemporaryDirectory()
        let store = DirectoryStore(root: directory.path)
        let layout = ArchiveLayout(server: "demo")
        let part = BackupPartName(.data, number: 0)
        _ = try store.putIfAbsent(layout.index(of: part, "x"), Array(text.utf8).gzipped())
        #expect(throws: (any Error).self) { try BackupPartIndex.read(store, layout, part: part, of: "x") }
    }

    @Test("names of parts are those of barman-cloud, both ways")
    func names() {
        let known: [(String, BackupPartName, String)] = [
            ("data.tar", .init(.data, number: 0), ""), ("data.tar.gz", .init(.data, number: 0), ".gz"),
            ("data_0001.tar.gz", .init(.data, number: 1), ".gz"), ("data_12345.tar", .init(.data, number: 12_345), ""),
            ("16384.tar.bz2", .init(.tablespace(16_384), number: 0), ".bz2"),
            ("16384_0020.tar.gz", .init(.tablespace(16_384), number: 20), ".gz"),
        ]
        for (text, name, suffix) in known {
            let parsed = BackupPartName.parse(text)
            #expect(parsed?.part == name, "\(text)")
            #expect(parsed?.suffix == suffix)
            #expect("\(name).tar\(suffix)" == text)
        }
        for text in [
            "backup.info", "data.json", "data_1.tar", "data_0000.tar", "data_0001_0002.tar", "datax.tar.gz", "016.tar",
            "data-0001.tar", "4294967296.tar.gz", ".tar", "data", "_0001.tar",
        ] { #expect(BackupPartName.parse(text) == nil, "\(text)") }
    }
}
