import Glibc
import Platform
import TestSupport
import Testing

@Suite(.ownThread) struct FilesTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test("a durable write replaces the content, has the mode asked for and leaves nothing else behind")
    func writeDurably() throws {
        let path = directory.file("state.json")
        try Files.writeDurably(Array("first and longer".utf8), to: path)
        #expect(mode(path) == 0o600)
        try Files.writeDurably("second".utf8, to: path, mode: 0o640)
        #expect(try Files.readText(path) == "second")
        #expect(mode(path) == 0o640)
        #expect(try Files.list(directory.path) == ["state.json"])
    }

    @Test("a durable write that fails leaves the old content, no temporary file and an error that names the path")
    func writeDurablyFails() throws {
        let occupied = try directory.directory("occupied")
        let error = #expect(throws: SystemError.self) { try Files.writeDurably([1], to: occupied) }
        #expect(error?.code == EISDIR)
        #expect(error?.path == occupied)
        #expect(try Files.list(directory.path) == ["occupied"])
        #expect(throws: SystemError.self) { try Files.writeDurably([1], to: directory.file("none/x")) }
    }

    @Test("a reader sees the old content or the new one, never a part, while a file is rewritten")
    func atomicReplacement() async throws {
        let path = directory.file("record")
        let contents = [UInt8(ascii: "a"), UInt8(ascii: "b")].map { [UInt8](repeating: $0, count: 100_000) }
        try Files.writeDurably(contents[0], to: path)
        let writer = Task.detached {
            for round in 0..<40 { try Files.writeDurably(contents[round % 2], to: path) }
        }
        for _ in 0..<400 {
            let read = try Files.read(path)
            #expect(contents.contains(read))
            await Task.yield()
        }
        try await writer.value
    }

    @Test("reading is bounded and refuses what is not UTF-8")
    func read() throws {
        let path = directory.file("file")
        try Files.writeDurably([UInt8](repeating: 0xff, count: 1000), to: path)
        #expect(try Files.read(path, limit: 1000).count == 1000)
        #expect(throws: SystemError("read", path: path, code: EFBIG)) { try Files.read(path, limit: 999) }
        #expect(throws: SystemError("read as UTF-8", path: path, code: EILSEQ)) { try Files.readText(path) }
        #expect(throws: SystemError("open", path: path + "x", code: ENOENT)) { try Files.read(path + "x") }
        #expect(try Files.readText("/proc/self/comm").isEmpty == false)
        #expect(try Files.size(path) == 1000)
    }

    @Test("linking exclusively publishes only once")
    func linkExclusively() throws {
        try Files.writeDurably([1], to: directory.file("a"))
        try Files.writeDurably([2], to: directory.file("b"))
        try Files.linkExclusively(directory.file("a"), to: directory.file("published"))
        let error = #expect(throws: SystemError.self) {
            try Files.linkExclusively(directory.file("b"), to: directory.file("published"))
        }
        #expect(error?.isExists == true)
        #expect(try Files.read(directory.file("published")) == [1])
    }

    @Test("a durable rename moves a directory into place")
    func renameDurably() throws {
        let staging = try directory.directory("staging")
        try Files.writeDurably([1], to: staging + "/PG_VERSION")
        try Files.makeDirectory(directory.file("other"))
        try Files.renameDurably(staging, to: directory.file("other/data"))
        #expect(!Files.exists(staging))
        #expect(try Files.read(directory.file("other/data/PG_VERSION")) == [1])
        let error = #expect(throws: SystemError.self) { try Files.renameDurably(staging, to: "/tmp/x") }
        #expect(error?.isNotFound == true)
    }

    @Test("removing a tree removes links and not what they lead to, and is content when nothing is there")
    func removeTree() throws {
        let kept = try directory.directory("kept")
        try Files.writeDurably([1], to: kept + "/file")
        let tree = directory.file("tree")
        try Files.makeDirectory(tree + "/a/b/c")
        try Files.writeDurably([1], to: tree + "/a/b/c/file")
        symlink(kept, tree + "/a/link")
        symlink("/nonexistent", tree + "/dangling")
        #expect(Files.exists(tree + "/dangling"))
        try Files.syncTree(tree)
        try Files.removeTree(tree)
        #expect(!Files.exists(tree))
        #expect(try Files.list(kept) == ["file"])
        try Files.removeTree(tree)
        try Files.remove(tree)
    }

    @Test("making a directory makes its parents, accepts one that exists and refuses a file")
    func makeDirectory() throws {
        let path = directory.file("a/b/c")
        try Files.makeDirectory(path, mode: 0o700)
        try Files.makeDirectory(path, mode: 0o700)
        #expect(mode(path) == 0o700)
        #expect(Files.isDirectory(directory.file("a/b")))
        try Files.writeDurably([1], to: path + "/file")
        #expect(throws: SystemError("make the directory", path: path + "/file", code: EEXIST)) {
            try Files.makeDirectory(path + "/file")
        }
        #expect(throws: SystemError("make the directory", path: path + "/file/x", code: ENOTDIR)) {
            try Files.makeDirectory(path + "/file/x")
        }
        symlink("/nonexistent", path + "/dangling")
        #expect(throws: SystemError("make the directory", path: path + "/dangling", code: EEXIST)) {
            try Files.makeDirectory(path + "/dangling")
        }
    }

    @Test("making a FIFO accepts one that exists and refuses a file")
    func makeFIFO() throws {
        let path = directory.file("fifo")
        try Files.makeFIFO(path)
        try Files.makeFIFO(path)
        try Files.writeDurably([], to: directory.file("file"))
        #expect(throws: SystemError.self) { try Files.makeFIFO(directory.file("file")) }
    }

    @Test("the canonical path has no links")
    func canonicalPath() throws {
        let real = try directory.directory("real")
        symlink(real, directory.file("link"))
        #expect(try Files.canonicalPath(directory.file("link/../link")) == real)
        #expect(try Files.linkTarget(directory.file("link")) == real)
        #expect(try Files.freeBytes(real) > 0)
    }

    @Test("a descriptor tells when closing fails")
    func close() throws {
        #expect(throws: SystemError("close", code: EBADF)) { try FileDescriptor(owning: 1 << 20).close() }
    }
}
