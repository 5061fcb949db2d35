import ClusterModel
import ObjectStorage
import Testing

@testable import Archive

struct ArchiveLayoutTests {
    private let layout = ArchiveLayout(server: "demo")

    @Test(
        "WAL files stand where Barman looks for them",
        arguments: [
            ("00000001000000A2000000FF", "demo/wals/00000001000000A2/00000001000000A2000000FF.gz"),
            ("000000020000000000000003.partial", "demo/wals/0000000200000000/000000020000000000000003.partial.gz"),
            (
                "000000010000000000000002.00000028.backup",
                "demo/wals/0000000100000000/000000010000000000000002.00000028.backup.gz"
            ), ("00000002.history", "demo/wals/00000002.history.gz"),
        ])
    func walKeys(name: String, key: String) throws {
        #expect(layout.wal(try #require(WALFileName(ofAnySize: name)), suffix: ".gz").text == key)
    }

    @Test("parts of a backup are named as Barman reads them, and read back")
    func parts() {
        #expect(
            layout.dataPart(0, of: "20260102T030405", suffix: ".gz").text == "demo/base/20260102T030405/data.tar.gz")
        #expect(layout.dataPart(12, of: "x", suffix: ".gz").text == "demo/base/x/data_0012.tar.gz")
        let known: [(String, Int, String)] = [
            ("data.tar.gz", 0, ".gz"), ("data.tar", 0, ""), ("data_0001.tar.gz", 1, ".gz"),
            ("data_0010.tar.bz2", 10, ".bz2"),
        ]
        for (name, number, suffix) in known {
            #expect(ArchiveLayout.dataPart(name)?.number == number)
            #expect(ArchiveLayout.dataPart(name)?.suffix == suffix)
        }
        for name in ["backup.info", "data.manifest.json", "16384.tar.gz", "data_x.tar.gz", "database.tar.gz", "data"] {
            #expect(ArchiveLayout.dataPart(name) == nil)
        }
    }

    @Test("requests of the client are understood, and others refused with the reason")
    func requests() throws {
        let name = try #require(WALFileName(ofAnySize: "000000010000000000000001"))
        #expect(try ArchiverRequest(line: "push \(name) /data/pg wal/x") == .push(name, path: "/data/pg wal/x"))
        #expect(try ArchiverRequest(line: "fetch \(name) /x") == .fetch(name, path: "/x"))
        for line in [
            "", "push", "push \(name)", "push \(name) relative", "steal \(name) /x", "push readme.txt /x",
            "push ../../etc/passwd /x", "push 00000001000000000000000a /x", "push  /x",
        ] {
            #expect(throws: ArchiveError.self) { try ArchiverRequest(line: line) }
        }
    }

    @Test("replies are one line each, whatever the reason holds")
    func replies() {
        #expect(ArchiverReply.done.line == "ok\n")
        #expect(ArchiverReply.absent.line == "absent\n")
        #expect(ArchiverReply.failed(ArchiveError(.unavailable, "two\nlines")).line == "unavailable two lines\n")
        #expect(ArchiverReply.failed(ArchiveError(.refused, "no")).line == "error no\n")
    }
}
