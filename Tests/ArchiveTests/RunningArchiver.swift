import ClusterModel
import FoundationEssentials
import Glibc
import Platform
import Synchronization
import TestSupport

@testable import Archive

/// An archiver on a thread of this process, with the pipes that PID 1 would hold.
final class RunningArchiver: Sendable {
    let settings: ArchiveSettings
    private let control: Mutex<FileDescriptor?>
    private let status: FileDescriptor
    private let last = Mutex(ArchiveStatus())
    private let rest = Mutex<[UInt8]>([])
    private let run: Run
    private let thread: WorkerThread

    /// What the thread holds until it ends, which may be after the value has gone.
    private final class Run: Sendable {
        let lifeline: FileDescriptor
        let statusEnd: FileDescriptor
        let exit = Mutex<Int32?>(nil)
        let events = Mutex<[ArchiverEvent]>([])

        init(lifeline: consuming FileDescriptor, statusEnd: consuming FileDescriptor) {
            self.lifeline = lifeline
            self.statusEnd = statusEnd
        }
    }

    /// - Parameter lease: whether it has one from the beginning.
    init(_ settings: ArchiveSettings, lease: Bool = false) async throws {
        self.settings = settings
        let (orders, reports) = (try Pipe.makePipe(), try Pipe.makePipe())
        control = Mutex(FileDescriptor(owning: orders.write))
        status = FileDescriptor(owning: reports.read)
        _ = fcntl(reports.read, F_SETFL, O_NONBLOCK)
        let run = Run(
            lifeline: FileDescriptor(owning: orders.read), statusEnd: FileDescriptor(owning: reports.write))
        self.run = run
        thread = try WorkerThread(name: "archiver", capacity: 1)
        if lease { try self.lease() }
        thread.submit {
            let code = ArchiverWorker.run(
                settings, control: run.lifeline.rawValue, status: run.statusEnd.rawValue
            ) { event in run.events.withLock { $0.append(event) } }
            run.exit.withLock { $0 = code }
        }
        try await eventually("the archiver listens") { Files.exists(settings.socketPath) }
        // Clients of a server that runs as postgres come too.
        try AsPostgres.own(settings.socketPath)
    }

    /// Grants the lease until that moment; nil takes it away.
    func lease(until deadline: Instant? = Instant(nanoseconds: .max)) throws {
        try order("lease \(deadline?.nanoseconds ?? 0)")
    }

    func order(_ line: String) throws {
        try control.withLock { control in try control?.write(Array((line + "\n").utf8)) }
    }

    /// The last status that it told.
    func latest() throws -> ArchiveStatus {
        while let bytes = try? status.read(upTo: 4096), !bytes.isEmpty { rest.withLock { $0 += bytes } }
        let lines = rest.withLock { rest in
            var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            rest = lines.popLast().map(Array.init) ?? []
            return lines.map(Array.init)
        }
        if let line = lines.last {
            let status = try JSONDecoder().decode(ArchiveStatus.self, from: Data(line))
            last.withLock { $0 = status }
        }
        return last.withLock { $0 }
    }

    var messages: [String] { run.events.withLock { $0.map { "\($0.level.rawValue) \($0.message) \($0.file ?? "")" } } }

    /// Closes its standard input, as the death of PID 1 would, and waits for its exit code.
    func stop() async throws -> Int32 {
        control.withLock { _ = $0.take() }
        return try await eventualValue("the archiver ends", within: .seconds(20)) { run.exit.withLock { $0 } }
    }
}

/// `pgmahout-wal`, as PostgreSQL runs it.
enum WALClient {
    static func push(_ archiver: RunningArchiver, _ name: String, timeout: Int = 20) async throws -> (
        Platform.ExitStatus, String
    ) {
        try await run(
            ["push", "--socket", archiver.settings.socketPath, "--timeout", "\(timeout)", "pg_wal/\(name)", name],
            in: archiver.settings.dataDirectory)
    }

    static func fetch(_ socket: String, _ name: String, in directory: String, timeout: Int = 20) async throws -> (
        Platform.ExitStatus, String
    ) {
        try await run(
            ["fetch", "--socket", socket, "--timeout", "\(timeout)", name, "pg_wal/RECOVERYXLOG"], in: directory)
    }

    static func run(_ arguments: [String], in directory: String) async throws -> (Platform.ExitStatus, String) {
        var command = Command(try BuiltProduct.path("pgmahout-wal"), arguments)
        command.workingDirectory = directory
        return try await TestChildren.output(of: command)
    }
}
