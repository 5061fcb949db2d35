import Glibc
import Platform
import TestSupport
import Testing

/// The guard as a program: fed by another process, which can be stopped and killed.
@Suite struct GuardProcessTests {
    private let directory: TemporaryDirectory
    private let program: String

    init() throws {
        directory = try TemporaryDirectory()
        program = try BuiltProduct.path("pgmahout-guard")
    }

    /// A guard that writes to a file, and a process that feeds it one second every 50 ms.
    private func start(_ server: FakePostgres) throws -> (guardian: TestChild, feeder: TestChild) {
        let ends = UnsafeMutablePointer<Int32>.allocate(capacity: 2)
        defer { ends.deallocate() }
        let kind = Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, ends) == 0 else { throw SystemError("make a socket pair") }
        let (ours, theirs) = (ends[0], ends[1])
        defer {
            close(ours)
            close(theirs)
        }
        let log = try FileDescriptor(opening: directory.file("log"), O_WRONLY | O_CREAT | O_APPEND)
        var command = Command(program)
        command.input = .descriptor(theirs)
        command.error = .descriptor(log.rawValue)
        let guardian = try TestChild(command)
        let script = """
            use Time::HiRes qw(clock_gettime sleep);
            while (1) {
                my $deadline = int((clock_gettime(7) + 1) * 1e9);
                syswrite(STDOUT, pack('L L l L Q a1024', 0x50474d47, 1, $ARGV[0], 1, $deadline, $ARGV[1]));
                sleep 0.05;
            }
            """
        var feeder = Command("/usr/bin/perl", ["-e", script, String(server.postmaster.process), server.dataDirectory])
        feeder.output = .descriptor(ours)
        return (guardian, try TestChild(feeder))
    }

    private func logged(_ reason: String) throws {
        let lines = try Files.readText(directory.file("log")).split(separator: "\n")
        #expect(lines.count == 1)
        let line = try #require(lines.first)
        let pattern =
            #/\{"ts":"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d\.\d{3}Z","level":"critical","logger":"guard",/#
        #expect(line.firstMatch(of: pattern) != nil)
        #expect(line.contains(#""msg":"killed postgres","reason":"\#(reason)","processes":2,"dataDirectory":"/"#))
        #expect(line.hasSuffix("\"}"))
    }

    @Test("postgres outlives its deadline only while the feeder runs: SIGSTOP of the feeder ends it, and is logged")
    func stoppedFeeder() async throws {
        let server = try FakePostgres(directory)
        try await server.started()
        let (guardian, feeder) = try start(server)
        // More than two deadlines long.
        try await Task.sleep(for: .milliseconds(2500))
        #expect(server.processes.count == 2)
        #expect(feeder.kill(SIGSTOP))
        try await server.ended(within: .seconds(5))
        try await eventually { try Files.size(directory.file("log")) > 0 }
        try logged("lease deadline passed")
        #expect(guardian.status == nil)
        #expect(feeder.kill(SIGKILL))
        #expect(try await guardian.exit() == .exited(0))
    }

    @Test("the death of the feeder kills postgres long before the deadline, and is logged")
    func killedFeeder() async throws {
        let server = try FakePostgres(directory)
        try await server.started()
        let (guardian, feeder) = try start(server)
        try await Task.sleep(for: .milliseconds(300))
        #expect(server.processes.count == 2)
        #expect(feeder.kill(SIGKILL))
        #expect(try await guardian.exit() == .exited(0))
        try await server.ended()
        try logged("pid 1 died")
    }

    @Test("without a socket to be fed by, the guard does not start")
    func noSocket() async throws {
        let (status, text) = try await TestChildren.output(of: Command(program))
        #expect(status == .exited(69))
        #expect(text.contains("\"level\":\"critical\""))
    }

    @Test(
        "a wrong call is answered with the usage",
        arguments: [["--help"], ["--tie"], ["--tie", "1"], ["x", "y", "z"]])
    func usage(arguments: [String]) async throws {
        let (status, text) = try await TestChildren.output(of: Command(program, arguments))
        #expect(status == .exited(64))
        #expect(text.hasPrefix("usage: pgmahout-guard"))
    }

    @Test("the guard is a static program: no interpreter that could be missing or slow")
    func isStatic() throws {
        let image = try Files.read(program)
        #expect(image.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2]))
        image.withUnsafeBytes { bytes in
            let table = Int(bytes.loadUnaligned(fromByteOffset: 32, as: UInt64.self))
            let size = Int(bytes.loadUnaligned(fromByteOffset: 54, as: UInt16.self))
            let count = Int(bytes.loadUnaligned(fromByteOffset: 56, as: UInt16.self))
            let kinds = (0..<count).map { bytes.loadUnaligned(fromByteOffset: table + $0 * size, as: UInt32.self) }
            #expect(kinds.contains(UInt32(PT_LOAD)))
            #expect(!kinds.contains(UInt32(PT_INTERP)))
        }
    }
}
