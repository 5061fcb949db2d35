import ClusterModel
import Glibc
import ObjectStorage
import Platform
import TestSupport
import Testing

@testable import Archive

@Suite(.ownThread)
struct ArchiverWorkerTests {
    private let directory: TemporaryDirectory
    private let wal: WALDirectory

    init() throws {
        directory = try TemporaryDirectory()
        wal = try WALDirectory()
        _ = try directory.directory("archive")
    }

    private func start(archive: String? = nil) async throws -> RunningArchiver {
        try await RunningArchiver(
            ArchiveSettings(
                location: .directory(archive ?? directory.file("archive")), server: "demo", dataDirectory: wal.path,
                socketPath: directory.file("a.sock"), systemIdentifier: SegmentFile.system))
    }

    private func object(_ segment: WALSegment) -> String {
        directory.file("archive/demo/wals/\("\(segment)".prefix(16))/\(segment).gz")
    }

    @Test("all that is ready is archived ahead, nothing is renamed, and a later request is answered at once")
    func ahead() async throws {
        let segments = (1...9).map { SegmentFile.segment($0) }
        for segment in segments { try wal.add("\(segment)", SegmentFile.content(segment)) }
        let archiver = try await start()
        try archiver.lease()
        try await eventually("all are archived") { try archiver.latest().archivedCount == 9 }
        let status = try archiver.latest()
        #expect(status.readyCount == 0)
        #expect(status.archivedBytes == 9 << 20)
        #expect(status.failedCount == 0)
        #expect(status.lastError == nil)
        for segment in segments {
            #expect(Files.exists(object(segment)))
            #expect(Files.exists(wal.file("archive_status/\(segment).ready")))
            let (exit, text) = try await WALClient.push(archiver, "\(segment)")
            #expect(exit == .exited(0), "\(text)")
        }
        #expect(try archiver.latest().archivedCount == 9, "nothing was pushed a second time")
        #expect(try await archiver.stop() == 0)
    }

    @Test("with archive_mode always, a standby's segment counts as archived once the holder has archived the same")
    func always() async throws {
        var settings = ArchiveSettings(
            location: .directory(directory.file("archive")), server: "demo", dataDirectory: wal.path,
            socketPath: directory.file("a.sock"), systemIdentifier: SegmentFile.system)
        settings.acceptsEqual = true
        let archiver = try await RunningArchiver(settings)
        let segments = (1...2).map { SegmentFile.segment($0) }
        for segment in segments { try wal.add("\(segment)", SegmentFile.content(segment)) }
        var (exit, text) = try await WALClient.push(archiver, "\(segments[0])")
        #expect(exit == .exited(1))
        #expect(text.contains("has not archived it yet"), "\(text)")
        #expect(!Files.exists(object(segments[0])), "nothing is written without the lease")
        // The holder does.
        try archiver.lease()
        (exit, text) = try await WALClient.push(archiver, "\(segments[0])")
        try await eventually("both are archived") { try archiver.latest().archivedCount == 2 }
        try archiver.lease(until: Instant(nanoseconds: 0))
        (exit, text) = try await WALClient.push(archiver, "\(segments[1])")
        #expect(exit == .exited(0), "\(text)")
        #expect(try await archiver.stop() == 0)
    }

    @Test("only the holder of a valid lease archives, and not a moment longer")
    func lease() async throws {
        let archiver = try await start()
        let segment = SegmentFile.segment(1)
        try wal.add("\(segment)", SegmentFile.content(segment))
        var (exit, text) = try await WALClient.push(archiver, "\(segment)")
        #expect(exit == .exited(1))
        #expect(text.contains("no valid lease"))
        #expect(!Files.exists(object(segment)))
        let end = BootClock.now() + .milliseconds(600)
        try archiver.lease(until: end)
        (exit, text) = try await WALClient.push(archiver, "\(segment)")
        #expect(exit == .exited(0), "\(text)")
        try await eventually("the lease has ended") { BootClock.now() >= end }
        let next = SegmentFile.segment(2)
        try wal.add("\(next)", SegmentFile.content(next))
        (exit, _) = try await WALClient.push(archiver, "\(next)")
        #expect(exit == .exited(1))
        #expect(!Files.exists(object(next)))
        try archiver.lease()
        try await eventually("it goes on by itself") { Files.exists(object(next)) }
        #expect(try await archiver.stop() == 0)
    }

    @Test("names that are not WAL, and files from elsewhere, are refused")
    func strangers() async throws {
        let archiver = try await start()
        try archiver.lease()
        let segment = SegmentFile.segment(1)
        try wal.add("\(segment)", SegmentFile.content(segment))
        try wal.add("notes.txt", Array("text".utf8))
        for name in ["notes.txt", "../secret", "\(segment).done", "\(segment)x"] {
            let (exit, text) = try await WALClient.push(archiver, name)
            #expect(exit == .exited(1))
            #expect(text.contains("is no name of a WAL file"), "\(text)")
        }
        // Another data directory whose archive_command names this socket.
        let other = try WALDirectory()
        try other.add("\(segment)", SegmentFile.content(segment))
        let arguments = ["push", "--socket", archiver.settings.socketPath, "pg_wal/\(segment)", "\(segment)"]
        let (exit, text) = try await WALClient.run(arguments, in: other.path)
        #expect(exit == .exited(1))
        #expect(text.contains("which is archived here"), "\(text)")
        #expect(try await archiver.stop() == 0)
    }

    @Test("a missing archive fails every push, shows in the status, and is used by itself once it is there")
    func missing() async throws {
        let archiver = try await start(archive: directory.file("later"))
        try archiver.lease()
        let segment = SegmentFile.segment(1)
        try wal.add("\(segment)", SegmentFile.content(segment))
        let (exit, text) = try await WALClient.push(archiver, "\(segment)")
        #expect(exit == .exited(1))
        #expect(text.contains("is it mounted?"))
        try await eventually("the status tells") { try archiver.latest().lastError?.contains("is missing") == true }
        let status = try archiver.latest()
        #expect(status.failedCount >= 1)
        #expect(status.readyCount == 1)
        #expect(status.lastFailed == "\(segment)")
        #expect(Files.exists(wal.file("archive_status/\(segment).ready")))
        #expect(!Files.exists(directory.file("later")))
        _ = try directory.directory("later")
        try await eventually("it is archived without being asked again") {
            try archiver.latest().archivedCount == 1
        }
        #expect(try archiver.latest().lastError == nil)
        #expect(try await archiver.stop() == 0)
        #expect(archiver.messages.contains { $0.contains("works again") })
    }

    @Test("an archive that cannot be used is told of before there is anything to push")
    func earlyNews() async throws {
        let archiver = try await start(archive: directory.file("later"))
        try archiver.lease()
        try await eventually("the status tells") { try archiver.latest().lastError?.contains("is missing") == true }
        #expect(try archiver.latest().failedCount == 0)
        _ = try directory.directory("later")
        try await eventually("the trouble is over", within: .seconds(15)) { try archiver.latest().lastError == nil }
        #expect(Files.exists(directory.file("later/demo/pgmahout/owner.json")))
        #expect(try await archiver.stop() == 0)
    }

    @Test("a full archive loses nothing, and goes on once there is room", .enabled(if: getuid() == 0))
    func full() async throws {
        let small = try await SmallFileSystem(at: directory.directory("small"), size: "200k")
        let archiver = try await start(archive: small.path)
        try archiver.lease()
        let segments = (1...5).map { SegmentFile.segment($0) }
        for segment in segments { try wal.add("\(segment)", SegmentFile.content(segment, noise: true)) }
        try await eventually("the disk is full") { try archiver.latest().lastError?.contains("No space") == true }
        #expect(try archiver.latest().readyCount > 0)
        try await small.remount("size=20m")
        try await eventually("all are archived", within: .seconds(60)) { try archiver.latest().readyCount == 0 }
        let store = DirectoryStore(root: small.path)
        for segment in segments {
            let target = directory.file("fetched")
            #expect(
                try WALFetch(store: store, layout: ArchiveLayout(server: "demo"))
                    .fetch(WALFetch.Request(name: .segment(segment), path: target), of: SegmentFile.system))
            #expect(try Files.read(target) == Files.read(wal.file("\(segment)")))
        }
        #expect(try Files.list(small.path + "/.incoming").isEmpty)
        #expect(try await archiver.stop() == 0)
        try await small.unmount()
    }

    @Test("a read-only archive loses nothing, and goes on once it can be written", .enabled(if: getuid() == 0))
    func readOnly() async throws {
        let small = try await SmallFileSystem(at: directory.directory("small"), size: "20m")
        try await small.remount("ro")
        let archiver = try await start(archive: small.path)
        try archiver.lease()
        let segment = SegmentFile.segment(1)
        try wal.add("\(segment)", SegmentFile.content(segment))
        let (exit, text) = try await WALClient.push(archiver, "\(segment)")
        #expect(exit == .exited(1))
        #expect(text.contains("Read-only"))
        try await eventually("the status tells") { try archiver.latest().lastError?.contains("Read-only") == true }
        try await small.remount("rw")
        try await eventually("it is archived") { try archiver.latest().archivedCount == 1 }
        #expect(try await archiver.stop() == 0)
        try await small.unmount()
    }

    @Test("one file that is refused keeps its error in the status while the others go on")
    func refused() async throws {
        let archiver = try await start()
        try archiver.lease()
        let foreign = SegmentFile.segment(1)
        try wal.add("\(foreign)", SegmentFile.content(foreign, system: SystemIdentifier(rawValue: 42)))
        let good = SegmentFile.segment(2)
        try wal.add("\(good)", SegmentFile.content(good))
        try await eventually("the good one is archived") { Files.exists(object(good)) }
        let (exit, text) = try await WALClient.push(archiver, "\(foreign)")
        #expect(exit == .exited(1))
        #expect(text.contains("belongs to the system 42"))
        try await eventually("the status tells") { try archiver.latest().lastFailed == "\(foreign)" }
        #expect(try archiver.latest().readyCount == 1)
        #expect(!Files.exists(object(foreign)))
        #expect(archiver.messages.contains { $0.hasPrefix("error") && $0.contains("system 42") })
        #expect(try await archiver.stop() == 0)
    }

    @Test("silent and senseless clients do not keep it from serving others")
    func badClients() async throws {
        let archiver = try await start()
        try archiver.lease()
        let silent = try (0..<20).map { _ in try ClientSocket(archiver.settings.socketPath) }
        let senseless = try ClientSocket(archiver.settings.socketPath)
        try senseless.send([UInt8](repeating: 65, count: 20_000))
        try archiver.order("dance")
        let segment = SegmentFile.segment(1)
        try wal.add("\(segment)", SegmentFile.content(segment))
        let (exit, text) = try await WALClient.push(archiver, "\(segment)")
        #expect(exit == .exited(0), "\(text)")
        #expect(
            try await eventualValue("they are let go", within: .seconds(15)) {
                silent.allSatisfy(\.isClosed) ? true : nil
            })
        #expect(senseless.isClosed)
        #expect(try await archiver.stop() == 0)
    }
}

/// A raw connection to the archiver.
final class ClientSocket {
    private let socket: FileDescriptor

    init(_ path: String) throws {
        socket = FileDescriptor(owning: Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw SystemError("connect to", path: path) }
        _ = fcntl(socket.rawValue, F_SETFL, O_NONBLOCK)
    }

    func send(_ bytes: [UInt8]) throws { _ = Glibc.send(socket.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    var isClosed: Bool {
        do throws(SystemError) { return try socket.read(upTo: 100).isEmpty } catch { return !error.wouldBlock }
    }
}
