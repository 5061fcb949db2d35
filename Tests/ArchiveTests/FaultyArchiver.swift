import ClusterModel
import Compression
import Glibc
import Platform
import Postgres
import TestSupport

@testable import Archive

/// The built archiver, whose archive is on a file system that fails by order (`scripts/lib/faulty_files.c`).
final class FaultyArchiver: Sendable {
    let directory: TemporaryDirectory
    let wal: WALDirectory
    let system: SystemIdentifier
    private let child: TestChild
    private let orders: FileDescriptor

    var archive: String { directory.file("archive") }
    private var socket: String { directory.file("run/archiver.sock") }

    init() async throws {
        directory = try TemporaryDirectory()
        wal = try WALDirectory()
        for name in ["archive", "run"] { _ = try directory.directory(name, mode: 0o755) }
        // An identity is all that it needs of a server.
        let control = try await PostgresFixture.template() + "/global/pg_control"
        _ = try wal.directory.directory("global")
        try Files.writeDurably(try Files.read(control), to: wal.directory.file("global/pg_control"))
        try Files.writeDurably(Array("15\n".utf8), to: wal.directory.file("PG_VERSION"))
        system = try ControlData.read(dataDirectory: wal.path).systemIdentifier
        try Files.writeDurably(Array("a-password-of-some-length".utf8), to: directory.file("secret"))
        try Files.writeDurably(Array(Self.configuration(directory, wal).utf8), to: directory.file("pgmahout.yaml"))
        try Files.writeDurably([UInt8](), to: directory.file("faults"))

        let pipe = try Pipe.makePipe()
        orders = FileDescriptor(owning: pipe.write)
        let input = FileDescriptor(owning: pipe.read)
        var command = Command(
            try BuiltProduct.path("pgmahout"), ["archiver", "--config", directory.file("pgmahout.yaml")],
            environment: [
                "PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": Command.inheritedEnvironment["LD_LIBRARY_PATH"] ?? "",
                "LD_PRELOAD": try await Self.library(in: directory), "PGM_FAULT_ROOT": directory.file("archive/"),
                "PGM_FAULTS": directory.file("faults"),
            ])
        command.input = .descriptor(input.rawValue)
        let log = try FileDescriptor(opening: directory.file("log"), O_WRONLY | O_CREAT | O_APPEND)
        command.output = .descriptor(log.rawValue)
        command.error = command.output
        child = try TestChild(command)
        try orders.write(Array("lease \(Int64.max)\n".utf8))
        try await eventually("the archiver listens") {
            guard child.status == nil else {
                throw FixtureError("it ended: \(try Files.readText(directory.file("log")))")
            }
            return Files.exists(socket)
        }
    }

    /// Built by whichever compiler there is; for each archiver anew, so that it goes with the directory.
    private static func library(in directory: TemporaryDirectory) async throws -> String {
        let (library, source) = (directory.file("faulty_files.so"), Repository.file("scripts/lib/faulty_files.c"))
        let script =
            "cc=$(command -v clang || command -v cc) && exec $cc -O1 -shared -fPIC -o \"$1\" \"$2\" -ldl -lpthread"
        let (status, text) = try await TestChildren.output(
            of: Command("/bin/sh", ["-c", script, "sh", library, source]))
        guard status.isSuccess else { throw FixtureError(text) }
        return library
    }

    private static func configuration(_ directory: TemporaryDirectory, _ wal: WALDirectory) -> String {
        """
        cluster: demo
        member: pg-1
        dataDirectory: \(wal.path)
        runDirectory: \(directory.file("run"))
        postgres:
          binDirectory: \(PostgresFixture.binaries.directory)
          host: 127.0.0.1
          superuserPasswordFile: \(directory.file("secret"))
          replicationPasswordFile: \(directory.file("secret"))
        lease: {store: file, file: {path: \(directory.file("lease"))}}
        peers: {secretFile: \(directory.file("secret"))}
        archive: {directory: \(directory.file("archive"))}

        """
    }

    // MARK: Faults

    /// From now on; see `scripts/lib/faulty_files.c`.
    func faults(_ lines: String...) throws {
        try Files.writeDurably(Array((lines.joined(separator: "\n") + "\n").utf8), to: directory.file("faults"))
    }

    /// What is left of them.
    func faultsLeft() throws -> String { try Files.readText(directory.file("faults")) }

    // MARK: Asking

    func add(_ segment: WALSegment) throws -> [UInt8] {
        let content = SegmentFile.content(segment, system: system, noise: true)
        // Not ready: nothing is pushed ahead of the request.
        try wal.add("\(segment)", content, ready: false)
        return content
    }

    func push(_ segment: WALSegment, timeout: Int = 20) async throws -> (Platform.ExitStatus, String) {
        try await WALClient.run(
            ["push", "--socket", socket, "--timeout", "\(timeout)", "pg_wal/\(segment)", "\(segment)"], in: wal.path)
    }

    func fetch(_ segment: WALSegment, timeout: Int = 20) async throws -> (Platform.ExitStatus, String) {
        try await WALClient.fetch(socket, "\(segment)", in: wal.path, timeout: timeout)
    }

    /// The content of an archived segment; nil when there is none.
    func archived(_ segment: WALSegment) throws -> [UInt8]? {
        let path = "\(archive)/demo/wals/\("\(segment)".prefix(16))/\(segment).gz"
        guard Files.exists(path) else { return nil }
        var content: [UInt8] = []
        let decoder = try GzipCodec().makeDecoder()
        let stored = try Files.read(path)
        try decoder.write(stored.span.bytes) { piece in piece.withUnsafeBytes { content += $0 } }
        try decoder.finish()
        return content
    }

    func incoming() throws -> [String] { try Files.list(archive + "/.incoming") }

    var log: String { get throws { try Files.readText(directory.file("log")) } }

    var isRunning: Bool { child.status == nil }

    func kill() { child.kill(SIGKILL) }
}
