import Glibc
import Platform
import TestSupport
import Testing

@Suite struct ProcessTreeTests {
    @Test("killing the postmaster's process group leaves a busy backend, and killPostgres ends that too")
    func orphanedBackend() async throws {
        let server = try await PostgresUnderTest()
        let backend = try await server.startBusyBackend()
        #expect(server.postmaster.kill(0))
        #expect(TestChildren.registry.signalGroup(server.postmaster.process, SIGKILL))
        #expect(try await server.postmaster.exit() == .signalled(SIGKILL))

        // All others notice and leave; the one that is at work does not.
        try await eventually("only the busy backend is left") { server.processes == [backend] }
        #expect(Processes.killPostgres(postmaster: 0, dataDirectory: server.dataDirectory) == 1)
        try await eventually("nothing is left") { server.processes.isEmpty && !Processes.exists(backend) }
    }

    @Test("killPostgres ends the postmaster, all backends and what archive_command started")
    func wholeServer() async throws {
        let server = try await PostgresUnderTest(parameters: [
            "archive_mode": "on", "archive_command": "sleep 1000", "logging_collector": "on",
        ])
        let backend = try await server.startBusyBackend()
        _ = try await server.query("select pg_switch_wal()")
        let archiving = try await eventualValue("archive_command runs") {
            server.processes.first { Processes.executable(of: $0)?.hasSuffix("/sleep") == true }
        }
        let before = server.processes
        #expect(before.isSuperset(of: [server.postmaster.process, backend, archiving]))

        let killed = try #require(
            Processes.killPostgres(postmaster: server.postmaster.process, dataDirectory: server.dataDirectory))
        #expect(killed >= before.count)
        #expect(try await server.postmaster.exit() == .signalled(SIGKILL))
        try await eventually("nothing is left") { !before.contains { Processes.exists($0) } }
        #expect(server.processes.isEmpty)
        #expect(Processes.killPostgres(postmaster: 0, dataDirectory: server.dataDirectory) == 0)
    }

    @Test("a server that keeps forking is killed whole")
    func forkingServer() async throws {
        let server = try await PostgresUnderTest(parameters: ["max_connections": "50"])
        // New connections all the time, so that the postmaster is likely to be forking when it is stopped.
        let clients = try (0..<4).map { _ in
            var command = Command(
                "/bin/sh", ["-c", "while :; do psql -X -h $0 -U postgres -c 'select 1'; done", server.socketDirectory])
            command.output = .null
            command.error = .null
            return try TestChild(command)
        }
        try await eventually("backends come and go") { server.processes.count > 7 }
        Processes.killPostgres(postmaster: server.postmaster.process, dataDirectory: server.dataDirectory)
        let living = server.processes.filter { !isDying($0) }
        #expect(living.isEmpty)
        try await eventually("nothing is left") { server.processes.isEmpty }
        for client in clients { TestChildren.registry.signalGroup(client.process, SIGKILL) }
    }

    /// Whether SIGKILL is pending or has been taken: such a process executes nothing any more.
    private func isDying(_ process: ProcessID) -> Bool {
        guard let status = try? Files.readText("/proc/\(process)/status") else { return true }
        let pending = status.split(separator: "\n").filter { $0.hasPrefix("SigPnd:") || $0.hasPrefix("ShdPnd:") }
            .compactMap { UInt64($0.dropFirst(8), radix: 16) }
        return pending.contains { $0 & (1 << (SIGKILL - 1)) != 0 } || !status.contains("\nVmSize:")
    }

    @Test("what merely stands in the data directory is spared")
    func bystander() async throws {
        let directory = try TemporaryDirectory()
        var command = Command("/bin/sleep", ["1000"])
        command.workingDirectory = directory.path
        let shell = try TestChild(command)
        #expect(Processes.postgres(dataDirectory: directory.path).isEmpty)
        #expect(Processes.killPostgres(postmaster: 0, dataDirectory: directory.path) == 0)
        #expect(shell.status == nil)
    }

    @Test("a server in another directory is spared, be it one that begins alike")
    func neighbour() async throws {
        let directory = try TemporaryDirectory()
        let mine = try FakePostgres(directory, data: "data")
        let other = try FakePostgres(directory, data: "data2")
        try await mine.started()
        try await other.started()
        #expect(Processes.killPostgres(postmaster: mine.postmaster.process, dataDirectory: mine.dataDirectory) == 2)
        #expect(try await mine.postmaster.exit() == .signalled(SIGKILL))
        #expect(other.processes.count == 2)
    }
}
