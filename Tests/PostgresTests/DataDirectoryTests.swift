import ClusterModel
import Platform
import TestSupport
import Testing

@testable import Postgres

/// A directory with what `inspect` looks at, and nothing else.
func makeDataDirectory(_ path: String, content: String = "") async throws {
    let template = try await PostgresFixture.template()
    try Files.makeDirectory(path + "/global")
    try Files.writeDurably(try Files.read(template + "/PG_VERSION"), to: path + "/PG_VERSION")
    try Files.writeDurably(try Files.read(template + "/global/pg_control"), to: path + "/global/pg_control")
    try Files.writeDurably(content.utf8, to: path + "/content")
}

@Suite("Data directory")
struct DataDirectoryTests {
    let root: TemporaryDirectory
    let directory: DataDirectory
    let identity: DataDirectoryIdentity

    init() async throws {
        root = try TemporaryDirectory()
        directory = DataDirectory(
            path: root.file("data") + "/", cluster: "demo", major: try await PostgresFixture.major())
        let control = try await ControlData.read(dataDirectory: PostgresFixture.template())
        identity = DataDirectoryIdentity(
            cluster: "demo", systemIdentifier: control.systemIdentifier, majorVersion: directory.major, term: 3)
    }

    private var reason: String? {
        if case .refused(let reason) = directory.inspect() { return reason }
        return nil
    }

    private func makeOurs() async throws {
        try await makeDataDirectory(directory.path)
        try directory.writeIdentity(identity)
    }

    @Test("that is missing or empty is absent")
    func absent() throws {
        #expect(directory.inspect() == .absent)
        try Files.makeDirectory(directory.path)
        #expect(directory.inspect() == .absent)
    }

    @Test("of ours is ours, with what is known of it")
    func ours() async throws {
        try await makeOurs()
        let control = try ControlData.read(dataDirectory: directory.path)
        #expect(directory.inspect() == .ours(identity, control))
        try directory.raiseTerm(to: 2)
        #expect(try directory.readIdentity()?.term == 3)
        try directory.raiseTerm(to: 4)
        #expect(try directory.readIdentity()?.term == 4)
    }

    @Test("with anything else in it is refused by what it is, and stays as it is")
    func refused() async throws {
        try Files.makeDirectory(directory.path)
        try Files.writeDurably("x".utf8, to: directory.path + "/letter")
        #expect(reason?.contains("no PostgreSQL data directory") == true)
        #expect(throws: DataDirectoryError.self) { try directory.discardNeverOpened() }
        try await makeDataDirectory(directory.path)
        #expect(reason?.contains("not made by pgmahout") == true)
        var other = identity
        other.cluster = "prod"
        try directory.writeIdentity(other)
        #expect(reason?.contains("belongs to the cluster 'prod', not to 'demo'") == true)
        other = identity
        other.systemIdentifier = SystemIdentifier(rawValue: 42)
        try directory.writeIdentity(other)
        #expect(reason?.contains("names 42") == true)
        try Files.writeDurably("{".utf8, to: directory.path + "/pgmahout.json")
        #expect(reason?.contains("unreadable pgmahout.json") == true)
        try directory.writeIdentity(identity)
        try Files.writeDurably("9.6\n".utf8, to: directory.path + "/PG_VERSION")
        #expect(reason?.contains("of PostgreSQL 9.6") == true)
        #expect(Files.exists(directory.path + "/letter"))
    }

    @Test("with a damaged pg_control is refused")
    func damagedControl() async throws {
        try await makeOurs()
        var bytes = try Files.read(directory.path + "/global/pg_control")
        bytes[40] ^= 1
        try Files.writeDurably(bytes, to: directory.path + "/global/pg_control")
        #expect(reason?.contains("checksum") == true)
    }

    @Test("on a mount point of its own is refused: nothing can be renamed over it")
    func mountPoint() {
        let mounts =
            "36 35 98:0 / /var/lib/pg\\040data rw,noatime - ext4 /dev/root rw\n22 1 0:1 / /proc rw - proc proc rw\n"
        #expect(DataDirectory.isMountPoint("/var/lib/pg data", mountInfo: mounts))
        #expect(DataDirectory.isMountPoint("/proc", mountInfo: mounts))
        #expect(!DataDirectory.isMountPoint("/var/lib", mountInfo: mounts))
        let onProc = DataDirectory(path: "/proc", cluster: "demo", major: 15)
        #expect(onProc.placementProblem()?.contains("directory below it") == true)
    }

    @Test("knows the history of its timelines")
    func history() async throws {
        try await makeOurs()
        try Files.makeDirectory(directory.path + "/pg_wal")
        try Files.writeDurably(
            "1\t0/3000000\tno recovery target specified\n".utf8, to: directory.path + "/pg_wal/00000002.history")
        #expect(try directory.timelineHistory(TimelineID(1)) == TimelineHistory(timeline: TimelineID(1)))
        let history = try #require(try directory.timelineHistory(TimelineID(2)))
        #expect(history.end(of: TimelineID(1)) == LSN(rawValue: 0x300_0000))
        #expect(try directory.timelineHistory(TimelineID(3)) == nil)
    }

    // MARK: Rewind

    @Test("with a rewind that was not finished is told so, even when the rewind destroyed it")
    func interruptedRewind() async throws {
        try await makeOurs()
        try Files.writeDurably([UInt8](), to: directory.path + "/standby.signal")
        #expect(!directory.isRewindPending)
        try directory.beginRewind(from: "pg-2")
        #expect(directory.isRewindPending)
        #expect(!directory.hasStandbySignal)
        let marker = try #require(try directory.rewindMarker())
        #expect(marker.identity == identity)
        #expect(marker.source == "pg-2")
        guard case .ours = directory.inspect() else {
            Issue.record("untouched so far")
            return
        }
        try Files.remove(directory.path + "/pgmahout.json")
        #expect(directory.inspect() == .interruptedRewind(marker))
    }

    @Test("is free again after a rewind only once it is a standby's, and keeps the highest term")
    func endRewind() async throws {
        try await makeOurs()
        try directory.beginRewind(from: "pg-2")
        // What pg_rewind brought from the source.
        var foreign = identity
        foreign.term = 1
        try directory.writeIdentity(foreign)
        #expect(throws: DataDirectoryError.self) { try directory.endRewind(term: 2) }
        #expect(directory.isRewindPending)
        try Files.writeDurably([UInt8](), to: directory.path + "/standby.signal")
        try directory.endRewind(term: 2)
        #expect(!directory.isRewindPending)
        #expect(try directory.readIdentity() == identity)
    }

    @Test("of another cluster with a rewind pending is refused")
    func foreignRewind() async throws {
        try await makeOurs()
        try directory.beginRewind(from: "pg-2")
        let other = DataDirectory(path: directory.path, cluster: "prod", major: directory.major)
        guard case .refused = other.inspect() else {
            Issue.record("it is not of this cluster")
            return
        }
    }
}
