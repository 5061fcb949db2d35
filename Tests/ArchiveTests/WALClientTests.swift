import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Archive

@Suite(.ownThread)
struct WALClientTests {
    private let directory: TemporaryDirectory
    private let wal: WALDirectory
    private let segment = SegmentFile.segment(1)

    init() throws {
        directory = try TemporaryDirectory()
        wal = try WALDirectory()
        _ = try directory.directory("archive")
    }

    private var socket: String { directory.file("a.sock") }

    private func start() async throws -> RunningArchiver {
        try await RunningArchiver(
            ArchiveSettings(
                location: .directory(directory.file("archive")), server: "demo", dataDirectory: wal.path,
                socketPath: socket, systemIdentifier: SegmentFile.system), lease: true)
    }

    private func fetch(_ name: String, timeout: Int = 20) async throws -> (Platform.ExitStatus, String) {
        try await WALClient.fetch(socket, name, in: wal.path, timeout: timeout)
    }

    /// Leaves exactly these signal files.
    private func signal(_ names: [String]) throws {
        for name in ["standby.signal", "recovery.signal"] { try Files.remove("\(wal.path)/\(name)") }
        for name in names { try Files.writeDurably([UInt8](), to: "\(wal.path)/\(name)") }
    }

    @Test("fetch delivers what is there, says 1 for what is not, and leaves nothing else behind")
    func fetches() async throws {
        let archiver = try await start()
        try wal.add("\(segment)", SegmentFile.content(segment))
        #expect(try await WALClient.push(archiver, "\(segment)").0 == .exited(0))
        #expect(try await fetch("\(segment)").0 == .exited(0))
        #expect(try Files.read(wal.file("RECOVERYXLOG")) == SegmentFile.content(segment))
        try Files.remove(wal.file("RECOVERYXLOG"))
        let (exit, text) = try await fetch("\(segment.next)")
        #expect(exit == .exited(1))
        #expect(text.isEmpty, "a confirmed absence is the end of every recovery, and no news")
        #expect(try Set(Files.list(wal.file(""))) == ["archive_status", "\(segment)"])
        #expect(try await archiver.stop() == 0)
    }

    @Test("an archive that does not answer stops a recovery to a target with 255, and nobody else")
    func unreachable() async throws {
        let archiver = try await start()
        try wal.add("\(segment)", SegmentFile.content(segment))
        #expect(try await WALClient.push(archiver, "\(segment)").0 == .exited(0))
        try Files.renameDurably(directory.file("archive"), to: directory.file("gone"))
        // A standby at the end of its promotion has no signal file any more, and must not fail.
        for signals in [[], ["standby.signal"], ["standby.signal", "recovery.signal"]] {
            try signal(signals)
            let (exit, text) = try await fetch("\(segment)", timeout: 20)
            #expect(exit == .exited(1))
            #expect(text.contains("is it mounted?"))
        }
        try signal(["recovery.signal"])
        #expect(try await fetch("\(segment)", timeout: 1).0 == .exited(255))
        // An empty mount point is no archive without this file.
        _ = try directory.directory("archive")
        #expect(try await fetch("\(segment.next)", timeout: 1).0 == .exited(255))
        #expect(try await archiver.stop() == 0)
    }

    @Test("an archive that hangs costs a standby one timeout, not one for each file")
    func hangs() async throws {
        let archiver = try await start()
        // Opening a pipe without a writer waits, as does a file on a network disk whose server is gone.
        let folder = try directory.directory("archive/demo/wals/\("\(segment)".prefix(16))")
        let pipe = "\(folder)/\(segment).gz"
        try Files.makeFIFO(pipe)
        #expect(try await fetch("\(segment)", timeout: 1).0 == .exited(1))
        try await eventually("the next one is told at once") {
            let start = BootClock.now()
            let (exit, text) = try await fetch("\(segment.next)", timeout: 20)
            return exit == .exited(1) && text.contains("does not answer") && BootClock.now().since(start) < .seconds(1)
        }
        _ = try FileDescriptor(opening: pipe, O_RDWR | O_NONBLOCK)
        try await eventually("it recovers") { try await fetch("\(segment.next)").1.isEmpty }
        #expect(!Files.exists(wal.file("RECOVERYXLOG")))
        #expect(try await archiver.stop() == 0)
    }

    @Test("a recovery asks until the archive answers; a push asks once")
    func asksAgain() async throws {
        try signal(["recovery.signal"])
        let answers = try AnswerMachine(socket, ["unavailable hung up", "error odd", "unavailable once more", "ok"])
        #expect(try await fetch("\(segment)").0 == .exited(0))
        #expect(answers.requests == Array(repeating: "fetch \(segment) \(wal.file("RECOVERYXLOG"))", count: 4))
        let once = try AnswerMachine(socket, ["unavailable disk full", "ok"])
        let arguments = ["push", "--socket", socket, "pg_wal/\(segment)", "\(segment)"]
        let (exit, text) = try await WALClient.run(arguments, in: wal.path)
        #expect(exit == .exited(1))
        #expect(text == "pgmahout-wal: \(segment): not archived: disk full\n")
        #expect(once.requests == ["push \(segment) \(wal.file("\(segment)"))"])
    }

    @Test("without an archiver, push fails soon and recovery stops; both wait for one that is being restarted")
    func noArchiver() async throws {
        try wal.add("\(segment)", SegmentFile.content(segment))
        let arguments = ["push", "--socket", socket, "pg_wal/\(segment)", "\(segment)"]
        let (exit, text) = try await WALClient.run(arguments, in: wal.path)
        #expect(exit == .exited(1))
        #expect(text.contains("no answer from the archiver"))
        try signal(["recovery.signal"])
        #expect(try await fetch("\(segment)", timeout: 1).0 == .exited(255))
        async let waiting = WALClient.run(arguments, in: wal.path)
        let archiver = try await start()
        #expect(try await waiting.0 == .exited(0))
        #expect(try await archiver.stop() == 0)
    }

    @Test(
        "a mistake in the command is never taken for an absence",
        arguments: [
            (["fetch"], 255), (["fetch", "a", "b"], 255), (["fetch", "--socket", "/x", "a"], 255), (["get"], 255),
            (["fetch", "--socket", "/x", "--timeout", "soon", "a", "b"], 255), (["push"], 1), (["push", "a", "b"], 1),
            ([], 1), (["push", "--socket", String(repeating: "x", count: 200), "a", "b"], 1),
        ] as [([String], Int32)])
    func mistakes(arguments: [String], code: Int32) async throws {
        #expect(try await WALClient.run(arguments, in: wal.path).0 == .exited(code))
    }
}

/// Stands in for an archiver: gives its answers one after the other.
private final class AnswerMachine: Sendable {
    private let asked = Mutex<[String]>([])
    private let thread: WorkerThread

    var requests: [String] { asked.withLock { $0 } }

    init(_ path: String, _ answers: [String]) throws {
        thread = try WorkerThread(name: "answers", capacity: 1)
        let listener = ListenerBox(try UnixListener(path: path))
        thread.submit { [self] in
            for answer in answers {
                guard Poll.wait([listener.value.rawValue], until: BootClock.now() + .seconds(10)).count == 1,
                    let socket = listener.value.accept(),
                    Poll.wait([socket.rawValue], until: BootClock.now() + .seconds(10)).count == 1,
                    let request = try? socket.read(upTo: 4096)
                else { return }
                asked.withLock { $0.append(String(decoding: request.dropLast(), as: UTF8.self)) }
                try? socket.write(Array((answer + "\n").utf8))
            }
        }
    }

    /// Because closures cannot take a value over that cannot be copied.
    private final class ListenerBox: Sendable {
        let value: UnixListener
        init(_ value: consuming UnixListener) { self.value = value }
    }
}
