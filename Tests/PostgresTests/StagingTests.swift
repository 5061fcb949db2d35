import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Postgres

@Suite("A new data directory comes into place")
struct StagingTests {
    let root: TemporaryDirectory
    let directory: DataDirectory
    let identity: DataDirectoryIdentity

    init() async throws {
        root = try TemporaryDirectory()
        directory = DataDirectory(path: root.file("data"), cluster: "demo", major: try await PostgresFixture.major())
        let control = try await ControlData.read(dataDirectory: PostgresFixture.template())
        identity = DataDirectoryIdentity(
            cluster: "demo", systemIdentifier: control.systemIdentifier, majorVersion: directory.major, term: 5)
    }

    private func content() -> String? { try? Files.readText(directory.path + "/content") }

    private func make(_ path: String, _ content: String, term: UInt64) async throws {
        try await makeDataDirectory(path, content: content)
        var identity = identity
        identity.term = term
        try Files.writeDurably(encodeDocument(identity), to: path + "/pgmahout.json")
    }

    private var names: [String] { (try? Files.list(root.path).sorted()) ?? [] }

    @Test("whole, with its identity, where nothing was")
    func adopt() async throws {
        try await makeDataDirectory(directory.stagingPath, content: "new")
        guard case .incomplete = directory.inspect() else {
            Issue.record("a staging directory is no data directory")
            return
        }
        try directory.adoptStaging(identity)
        #expect(names == ["data"])
        #expect(content() == "new")
        #expect(try directory.readIdentity() == identity)
    }

    @Test("in the place of an old one, which is kept until then")
    func replace() async throws {
        try await make(directory.path, "old", term: 1)
        try directory.beginRewind(from: "pg-2")
        try await makeDataDirectory(directory.stagingPath, content: "new")
        try directory.adoptStaging(identity)
        #expect(content() == "new")
        #expect(!directory.isRewindPending)
        #expect(try Files.readText(directory.oldPath + "/content") == "old")
        try directory.removeLeftovers()
        #expect(names == ["data"])
    }

    @Test("not when it is of another system")
    func foreign() async throws {
        try await makeDataDirectory(directory.stagingPath)
        var other = identity
        other.systemIdentifier = SystemIdentifier(rawValue: 42)
        #expect(throws: DataDirectoryError.self) { try directory.adoptStaging(other) }
        #expect(!Files.exists(directory.path))
    }

    @Test("a crash while it is made leaves what is discarded", arguments: [false, true])
    func crashInStaging(withOld: Bool) async throws {
        if withOld { try await make(directory.path, "old", term: 1) }
        try Files.makeDirectory(directory.stagingPath + "/base")
        #expect(try directory.recover() != nil)
        #expect(names == (withOld ? ["data"] : []))
        #expect(content() == (withOld ? "old" : nil))
        #expect(try directory.recover() == nil)
    }

    @Test("a crash while it is swapped in leaves what is finished", arguments: ["before", "between", "empty", "after"])
    func crashInSwap(moment: String) async throws {
        try await make(directory.readyPath, "new", term: 5)
        switch moment {
        case "before": try await make(directory.path, "old", term: 1)
        case "between": try await make(directory.oldPath, "old", term: 1)
        case "empty": try Files.makeDirectory(directory.path)
        default:
            try Files.renameDurably(directory.readyPath, to: directory.path)
            try await make(directory.oldPath, "old", term: 1)
        }
        _ = try directory.recover()
        #expect(names == ["data"])
        #expect(content() == "new")
        #expect(try directory.readIdentity()?.term == 5)
        #expect(try directory.recover() == nil)
    }

    @Test("never in the place of a directory that is not ours")
    func foreignInPlace() async throws {
        try await make(directory.readyPath, "new", term: 5)
        try Files.makeDirectory(directory.path)
        try Files.writeDurably("x".utf8, to: directory.path + "/letter")
        #expect(throws: DataDirectoryError.self) { try directory.recover() }
        #expect(try Files.readText(directory.path + "/letter") == "x")
    }

    @Test("one that was never opened can be discarded, one that was cannot")
    func neverOpened() async throws {
        try await make(directory.path, "x", term: 1)
        #expect(throws: DataDirectoryError.self) { try directory.discardNeverOpened() }
        try Files.removeTree(directory.path)
        try await make(directory.path, "x", term: 0)
        try directory.discardNeverOpened()
        #expect(names == [])
    }

    @Test("what was replaced is put out of the way at once, and removed when there is time")
    func trash() throws {
        let root = try TemporaryDirectory()
        let directory = DataDirectory(path: root.file("data"), cluster: "demo", major: 15)
        try directory.putReplacedIntoTrash()
        for _ in 0..<2 {
            try Files.makeDirectory(directory.oldPath + "/base")
            try directory.putReplacedIntoTrash()
            #expect(!Files.exists(directory.oldPath))
        }
        _ = try root.directory("data.pgmahout-diverged")
        #expect(try Files.list(root.path).count == 3)
        try directory.emptyTrash()
        #expect(try Files.list(root.path) == ["data.pgmahout-diverged"])
    }
}
