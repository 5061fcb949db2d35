import ClusterModel
import Glibc
import Platform
import Postgres

/// A server on a restored directory that nobody but this process reaches: a socket in a directory of its own, no TCP, no
/// archive, little memory.
final class ScratchServer {
    private let runtime: RuntimeBox
    private let registry = ChildRegistry()
    private let end = ExitWaiter()
    private let process: ProcessID
    private let directory: String
    private let binaries: PostgresBinaries
    let superuser: String

    private static let port = 5432
    private static let startTime = Duration.seconds(120)
    private static let stopTime = Duration.seconds(60)

    /// Keeps the directory of the socket as long as the server.
    private final class RuntimeBox {
        let directory: RuntimeDirectory
        init() throws { directory = try RuntimeDirectory() }
        var path: String { directory.path }
    }

    /// Starts it; returns once it answers.
    /// - Parameters:
    ///   - directory: recovered and cleanly shut down.
    ///   - superuser: a role of the restored cluster.
    init(_ directory: String, binDirectory: String, guardProgram: String?, superuser: String) throws {
        runtime = try RuntimeBox()
        self.directory = try Files.canonicalPath(directory)
        self.superuser = superuser
        binaries = PostgresBinaries(directory: binDirectory)
        let access = runtime.path + "/pg_hba.conf"
        try Files.writeDurably(Array("local all all trust\n".utf8), to: access)
        let log = try RecoveryLog(path: runtime.path + "/postgres.log")
        var command = Tools(binaries: binaries, environment: Command.inheritedEnvironment).postmaster(self.directory)
        let settings = [
            "archive_mode=off", "restore_command=", "primary_conninfo=", "listen_addresses=",
            "unix_socket_directories=\(runtime.path)", "port=\(Self.port)", "hba_file=\(access)",
            "logging_collector=off", "log_destination=stderr", "log_line_prefix=", "lc_messages=C", "ssl=off",
            "shared_buffers=64MB", "huge_pages=off", "max_connections=20", "superuser_reserved_connections=3",
            "synchronous_standby_names=", "autovacuum=off", "fsync=off", "max_wal_size=128MB",
            "cluster_name=pgmahout scratch",
        ]
        command.arguments += settings.flatMap { ["-c", $0] }
        command.output = .descriptor(log.descriptor)
        command.error = .descriptor(log.descriptor)
        let end = end
        process = try registry.spawn(guardProgram.map { command.tied(by: $0) } ?? command) { _, status in
            end.set(status)
        }
        try awaitAnswer(log)
    }

    deinit { kill() }

    private func awaitAnswer(_ log: RecoveryLog) throws {
        let deadline = BootClock.now() + Self.startTime
        while true {
            if let status = end.wait(registry, until: BootClock.now() + .milliseconds(50)) {
                throw RestoreError("the restored server does not start: \(log.failure(status, target: .latest))")
            }
            do throws(SQLError) {
                try SQLConnection.open(connection("template1"), deadline: BootClock.now() + .seconds(5)).close()
                return
            } catch {
                let text = "\(error)"
                if text.contains("does not exist") {
                    throw RestoreError(
                        "the restored cluster has no role '\(superuser)': name its superuser with --superuser")
                }
                guard BootClock.now() < deadline else {
                    throw RestoreError("the restored server does not answer: \(text)")
                }
            }
        }
    }

    func connection(_ database: String) -> ConnectionInfo {
        ConnectionInfo(
            host: runtime.path, port: Self.port, user: superuser, database: database,
            applicationName: "pgmahout scratch")
    }

    /// Rows of a query, each value as text.
    func query(_ sql: String, _ parameters: [String?] = [], in database: String, within limit: Duration) throws
        -> [[String?]]
    {
        let deadline = BootClock.now() + limit
        let connection = try SQLConnection.open(connection(database), deadline: deadline)
        defer { connection.close() }
        return try connection.query(sql, parameters, deadline: deadline)
    }

    /// One of PostgreSQL's programs, to be run against this server.
    func tool(_ name: String, _ arguments: [String]) -> Command {
        Command(
            binaries.path(name),
            ["--host=\(runtime.path)", "--port=\(Self.port)", "--username=\(superuser)", "--no-password"] + arguments,
            environment: Tools(binaries: binaries, environment: Command.inheritedEnvironment).environment)
    }

    func stop() {
        registry.signal(process, SIGTERM)
        if end.wait(registry, until: BootClock.now() + Self.stopTime) == nil { kill() }
    }

    private func kill() {
        guard end.status == nil else { return }
        _ = Processes.killPostgres(postmaster: process, dataDirectory: directory)
        _ = end.wait(registry, until: BootClock.now() + .seconds(5))
    }
}

/// A program of PostgreSQL that is waited for, with what it wrote.
enum ToolRun {
    /// - Returns: standard output and error, the last of it.
    static func output(of command: Command, within limit: Duration, keeping bytes: Int = 4096) throws -> (
        status: ExitStatus?, text: String
    ) {
        let runtime = try RuntimeDirectory()
        let log = runtime.path + "/output"
        let file = try FileDescriptor(opening: log, O_RDWR | O_CREAT | O_APPEND)
        let (registry, end) = (ChildRegistry(), ExitWaiter())
        var command = command
        command.output = .descriptor(file.rawValue)
        command.error = .descriptor(file.rawValue)
        let process = try registry.spawn(command) { _, status in end.set(status) }
        var status = end.wait(registry, until: BootClock.now() + limit)
        if status == nil {
            registry.signalGroup(process, SIGKILL)
            status = end.wait(registry, until: BootClock.now() + .seconds(5))
        }
        let text =
            (try? Files.read(log, limit: 64 << 20)).map { String(decoding: $0.suffix(bytes), as: UTF8.self) } ?? ""
        return (status, text)
    }
}
