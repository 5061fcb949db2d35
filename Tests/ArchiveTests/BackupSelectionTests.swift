import Glibc
import Platform
import TestSupport
import Testing

@testable import Archive

struct BackupSelectionTests {
    private func verdict(_ path: String, directory: Bool = false, siblings: Set<String> = []) -> BackupSelection.Verdict
    {
        BackupSelection.verdict(path, isDirectory: directory, siblings: siblings)
    }

    @Test(
        "files of one run, one member or one recovery stay out",
        arguments: [
            "postmaster.pid", "postmaster.opts", "backup_label", "standby.signal", "recovery.signal", "pgmahout.json",
            "postgresql.auto.conf.tmp", "global/pg_internal.init", "base/5/pg_internal.init.123", "global/pg_control",
            "base/5/pgsql_tmp12.0", "current_logfiles", "backup_manifest",
        ])
    func dropped(path: String) { #expect(verdict(path) == .skip) }

    @Test(
        "data, configuration and look-alikes are copied",
        arguments: [
            "PG_VERSION", "postgresql.conf", "postgresql.auto.conf", "base/5/16384", "base/5/16384_vm",
            "base/5/16384.1",
            "global/pg_filenode.map", "pg_xact/0000", "base/5/t_16384", "base/5/t3", "base/standby.signal", "t3_16384",
        ])
    func included(path: String) { #expect(verdict(path) == .include) }

    @Test(
        "what the server fills anew is copied as an empty directory",
        arguments: ["pg_wal", "pg_replslot", "pg_stat_tmp", "log"])
    func emptied(path: String) {
        #expect(verdict(path, directory: true) == .emptyDirectory)
        #expect(verdict("base/" + path, directory: true) == .include)
    }

    @Test("temporary relations stay out", arguments: ["t3_16384", "t12_16384_vm", "t12_16384.2", "t3_1_fsm"])
    func temporary(name: String) { #expect(verdict("base/5/" + name) == .skip) }

    @Test("of unlogged relations only the initial fork is copied")
    func unlogged() {
        let siblings: Set<String> = ["16384", "16384_init", "16384_vm", "16385"]
        #expect(verdict("base/5/16384", siblings: siblings) == .skip)
        #expect(verdict("base/5/16384_vm", siblings: siblings) == .skip)
        #expect(verdict("base/5/16384.1", siblings: siblings) == .skip)
        #expect(verdict("base/5/16384_init", siblings: siblings) == .include)
        #expect(verdict("base/5/16385", siblings: siblings) == .include)
    }

    @Test("the walk finds directories before files, large files first, and follows no link but that of pg_wal")
    func walk() throws {
        let directory = try TemporaryDirectory()
        for name in ["base", "base/5", "global", "elsewhere"] { _ = try directory.directory(name) }
        for (name, size) in [("PG_VERSION", 3), ("base/5/1", 10), ("base/5/2", 100), ("postmaster.pid", 1)] {
            try Files.writeDurably([UInt8](repeating: 1, count: size), to: directory.file(name))
        }
        try Files.writeDurably([1], to: directory.file("elsewhere/000000010000000000000001"))
        #expect(symlink("elsewhere", directory.file("pg_wal")) == 0)
        #expect(mkfifo(directory.file("base/fifo"), 0o600) == 0)
        let list = try BackupFileList(dataDirectory: directory.path)
        #expect(list.directories.map(\.path) == [".", "base", "base/5", "elsewhere", "global", "pg_wal"])
        #expect(list.files.map(\.path) == ["base/5/2", "base/5/1", "PG_VERSION", "elsewhere/000000010000000000000001"])
        #expect(list.totalBytes == 114)
        #expect(symlink("base", directory.file("linked")) == 0)
        #expect(throws: SystemError.self) { try BackupFileList(dataDirectory: directory.path) }
    }
}
