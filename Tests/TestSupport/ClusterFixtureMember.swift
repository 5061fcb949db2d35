import ClusterModel
import FoundationEssentials
import Glibc
import HTTPTransport
import Platform
import Postgres
import Synchronization

/// One member of a cluster under test: the built `pgmahout run`, its files, and ways to ask and to hurt it.
package final class ClusterMember: Sendable {
    package let name: MemberName
    package let directory: String
    package let clusterDirectory: String
    package let port: Int
    package let httpPort: Int
    private let child = Mutex<TestChild?>(nil)

    package var leaseFile: String { clusterDirectory + "/lease/record" }
    package var dataDirectory: String { directory + "/data" }
    package var runDirectory: String { directory + "/run" }
    package var configurationFile: String { directory + "/pgmahout.yaml" }
    /// Standard output and error of all runs, one after the other.
    package var logFile: String { directory + "/log" }

    init(name: MemberName, in clusterDirectory: String) throws {
        self.name = name
        self.clusterDirectory = clusterDirectory
        directory = "\(clusterDirectory)/\(name)"
        port = try FreePort.take()
        httpPort = try FreePort.take()
    }

    // MARK: Running

    /// Starts `pgmahout run`; returns at once.
    /// - Parameter wrapping: what is spawned instead of the command itself, which already runs as the postgres user.
    package func start(wrapping: (Command) -> Command = { $0 }) throws {
        var command = try command(["run", "--config", configurationFile])
        let log = try FileDescriptor(opening: logFile, O_WRONLY | O_CREAT | O_APPEND, mode: 0o644)
        command = wrapping(command)
        command.output = .descriptor(log.rawValue)
        command.error = command.output
        let started = try TestChild(command)
        child.withLock { $0 = started }
    }

    /// The program as the postgres user, in the member's directory, with nothing special in its environment.
    package func command(_ arguments: [String]) throws -> Command {
        var environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": directory]
        environment["LD_LIBRARY_PATH"] = Command.inheritedEnvironment["LD_LIBRARY_PATH"]
        var command = Command(try ClusterPrograms.path(), arguments, environment: environment).asPostgres
        command.workingDirectory = directory
        return command
    }

    /// Runs a subcommand to its end.
    package func run(_ arguments: String...) async throws -> (status: ExitStatus, text: String) {
        try await run(arguments)
    }

    package func run(_ arguments: [String]) async throws -> (status: ExitStatus, text: String) {
        try await TestChildren.output(of: command(arguments))
    }

    /// PID 1 of this member; nil when it does not run.
    package var process: ProcessID? {
        child.withLock { child in child.flatMap { $0.status == nil ? $0.process : nil } }
    }

    /// To PID 1.
    package func signal(_ signal: Int32) { child.withLock { _ = $0?.kill(signal) } }

    /// Waits for the end of PID 1.
    @discardableResult
    package func exit(within limit: Duration = .seconds(30)) async throws -> ExitStatus {
        guard let running = child.withLock({ $0 }) else { throw FixtureError("\(name) was never started") }
        return try await running.exit(within: limit)
    }

    /// SIGTERM, and waits for the end.
    @discardableResult
    package func stop(within limit: Duration = .seconds(30)) async throws -> ExitStatus {
        signal(SIGTERM)
        return try await exit(within: limit)
    }

    /// SIGKILL to everything at once, as if its machine had lost power.
    package func killTree() async throws {
        // Nobody must have time to end anything in order.
        signal(SIGSTOP)
        for process in ClusterProcesses.belonging(to: directory) { Processes.signal(process, SIGKILL) }
        signal(SIGKILL)
        ClusterProcesses.killAll(in: directory)
        if child.withLock({ $0 }) != nil { try await exit() }
    }

    /// Waits until no process of this member is left; throws what is.
    package func vanished(within limit: Duration = .seconds(5)) async throws {
        do {
            try await eventually("nothing of \(name) is left", within: limit) {
                ClusterProcesses.belonging(to: directory).isEmpty
            }
        } catch {
            let left = ClusterProcesses.belonging(to: directory).map { process in
                let (state, parent) = (ClusterProcesses.state(of: process), ClusterProcesses.parent(of: process))
                return "\(process) of \(parent ?? 0), \(state ?? "?"): \(ClusterProcesses.title(of: process))"
            }
            throw FixtureError("\(error): \(left)")
        }
    }

    // MARK: Its processes

    /// The postmaster that runs now.
    package var postmaster: ProcessID? {
        guard let text = try? Files.readText(dataDirectory + "/postmaster.pid"),
            let number = text.split(separator: "\n").first.flatMap({ ProcessID($0) }),
            Processes.workingDirectory(of: number) == dataDirectory
        else { return nil }
        return number
    }

    /// All processes of its server.
    package var postgres: [ProcessID] { Processes.postgres(dataDirectory: dataDirectory) }

    /// The processes of its server whose title contains `text`, such as `walreceiver`.
    package func postgres(_ text: String) -> [ProcessID] {
        postgres.filter { ClusterProcesses.title(of: $0).contains(text) }
    }

    package var guardian: ProcessID? {
        ClusterProcesses.belonging(to: directory).first { process in
            let title = ClusterProcesses.title(of: process)
            return title.contains("pgmahout-guard") && !title.contains("--tie")
        }
    }

    // MARK: Asking

    private static let http = HTTPClient(name: "cluster-tests")

    package func request(
        _ method: String = "GET", _ path: String, body: String = "", within limit: Duration = .seconds(3)
    ) throws -> (status: Int, text: String) {
        let headers = body.isEmpty ? [] : [("Content-Type", "application/json")]
        let answer = try Self.http.sendAndWait(
            HTTPRequest(
                method: method, url: "http://127.0.0.1:\(httpPort)\(path)", headers: headers, body: Array(body.utf8),
                timeout: limit))
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    /// The HTTP status of a probe; nil: no answer.
    package func probe(_ path: String) -> Int? { try? request("GET", path).status }

    /// nil: no answer.
    package func status() -> MemberStatus? {
        guard let answer = try? request("GET", "/v1/status"), answer.status == 200 else { return nil }
        return try? JSONDecoder().decode(MemberStatus.self, from: Data(answer.text.utf8))
    }

    /// nil: no answer.
    package func cluster() -> ClusterStatus? {
        guard let answer = try? request("GET", "/v1/cluster"), answer.status == 200 else { return nil }
        return try? JSONDecoder().decode(ClusterStatus.self, from: Data(answer.text.utf8))
    }

    /// The value of a metric without labels, or with exactly these (`{kind="failover"}`); nil when it is absent.
    package func metric(_ series: String) -> Double? {
        guard let answer = try? request("GET", "/metrics"), answer.status == 200 else { return nil }
        return answer.text.split(separator: "\n").first { $0.hasPrefix(series + " ") }.flatMap {
            Double($0.dropFirst(series.utf8.count + 1))
        }
    }

    /// One statement as the superuser, over TCP.
    @discardableResult
    package func query(
        _ sql: String, _ parameters: [String?] = [], within limit: Duration = .seconds(10)
    ) throws -> [[String?]] {
        let deadline = BootClock.now() + limit
        let connection = try SQLConnection.open(connection(), deadline: deadline)
        defer { connection.close() }
        return try connection.query(sql, parameters, deadline: deadline)
    }

    /// The first column of the first row.
    package func value(_ sql: String) throws -> String? { try query(sql).first?.first ?? nil }

    package func connection(applicationName: String = "test") -> ConnectionInfo {
        ConnectionInfo(host: "127.0.0.1", port: port, user: "postgres", applicationName: applicationName)
    }

    // MARK: Log

    package var log: String {
        String(decoding: (try? Files.read(logFile, limit: 1 << 30)) ?? [], as: UTF8.self)
    }

    package func logs(_ text: String) -> Bool { log.contains(text) }
}
