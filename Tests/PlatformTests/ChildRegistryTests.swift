import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct ChildRegistryTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    @Test("two hundred children end with exact statuses while as many orphans are taken over and waited for")
    func statuses() async throws {
        let registry = TestChildren.registry
        let before = registry.orphansReaped
        let path = directory.file("orphans")
        let list = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_APPEND)
        let descriptor = list.rawValue
        let wrong = try await withThrowingTaskGroup(of: [String].self) { group in
            for number in 0..<200 {
                group.addTask {
                    // Each leaves an orphan behind that ends later than its parent.
                    let ending = number % 10 == 9 ? "kill -9 $$" : "exit \(number)"
                    var command = Command("/bin/sh", ["-c", "(sleep 0.05; exit 77) & echo $!; \(ending)"])
                    command.output = .descriptor(descriptor)
                    let status = try await TestChildren.run(command)
                    let expected = number % 10 == 9 ? Platform.ExitStatus.signalled(9) : .exited(Int32(number))
                    return status == expected ? [] : ["\(number): \(status)"]
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        withExtendedLifetime(list) {}
        #expect(wrong.isEmpty)
        let orphans = try Files.readText(path).split(separator: "\n").compactMap { ProcessID($0) }
        #expect(orphans.count == 200)
        try await eventually("all orphans are waited for") { !orphans.contains { isOurs($0) } }
        #expect(registry.orphansReaped - before >= 200)
    }

    /// Zombies included.
    private func isOurs(_ process: ProcessID) -> Bool {
        guard let status = try? Files.readText("/proc/\(process)/status") else { return false }
        return status.contains("\nPPid:\t\(getpid())\n")
    }

    @Test("a child has no signal blocked or ignored, a process group of its own and three descriptors")
    func cleanStart() async throws {
        Signals.ignore(SIGUSR2)
        // Not close-on-exec, as libraries may leave them.
        let leaked = open("/dev/null", O_RDONLY)
        defer { close(leaked) }
        let path = directory.file("state")
        let exited = Mutex<Platform.ExitStatus?>(nil)
        let script = "cat /proc/self/status; ls /proc/self/fd/; cut -d' ' -f5 /proc/$$/stat; echo $$"
        // A worker blocks all signals: the worst place to spawn from.
        let worker = try WorkerThread(name: "spawner")
        let result = Mutex<Result<ProcessID, SystemError>?>(nil)
        worker.submit {
            let spawned = Result { () throws(SystemError) in
                let file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_APPEND)
                var command = Command("/bin/sh", ["-c", script])
                command.output = .descriptor(file.rawValue)
                return try TestChildren.registry.spawn(command) { _, status in exited.withLock { $0 = status } }
            }
            result.withLock { $0 = spawned }
        }
        try await eventually { exited.withLock { $0 } == .exited(0) }
        let process = try #require(try result.withLock { try $0?.get() })

        let lines = try Files.readText(path).split(separator: "\n").map(String.init)
        #expect(lines.contains("SigBlk:\t0000000000000000"))
        // Signals 32 and 33 belong to the C library.
        let ignored = try #require(
            lines.first { $0.hasPrefix("SigIgn:") }.flatMap { UInt64($0.dropFirst(8), radix: 16) })
        #expect(ignored & 0x7fff_ffff == 0)
        // The fourth is the directory that ls itself reads.
        #expect(lines.filter { Int($0) != nil }.prefix(while: { Int($0) ?? 9 < 9 }) == ["0", "1", "2", "3"])
        #expect(lines.suffix(2) == ["\(process)", "\(process)"])
    }

    @Test("standard descriptors, working directory and environment are those of the command")
    func streams() async throws {
        let work = try directory.directory("work")
        try Files.writeDurably(Array("hello".utf8), to: directory.file("in"))
        let input = try FileDescriptor(opening: directory.file("in"), O_RDONLY)
        let output = try FileDescriptor(opening: directory.file("out"), O_WRONLY | O_CREAT)
        let error = try FileDescriptor(opening: directory.file("err"), O_WRONLY | O_CREAT)
        var command = Command("/bin/sh", ["-c", "cat; pwd; echo $NAME:$HOME; echo wrong >&2"])
        command.environment = ["NAME": "a=b", "PATH": "/bin"]
        command.workingDirectory = work
        command.input = .descriptor(input.rawValue)
        command.output = .descriptor(output.rawValue)
        command.error = .descriptor(error.rawValue)
        #expect(try await TestChildren.run(command) == .exited(0))
        #expect(try Files.readText(directory.file("out")) == "hello\(work)\na=b:\n")
        #expect(try Files.readText(directory.file("err")) == "wrong\n")
    }

    @Test("a program that cannot be executed is an error that names it")
    func missingProgram() throws {
        let error = #expect(throws: SystemError.self) {
            _ = try TestChildren.registry.spawn(Command("/nonexistent/program")) { _, _ in }
        }
        #expect(error?.isNotFound == true)
        #expect(error?.description == "cannot spawn '/nonexistent/program': No such file or directory")
    }

    @Test("a signal reaches a running child and never a process that has its number later")
    func signals() async throws {
        let child = try TestChild(Command("/bin/sleep", ["1000"]))
        #expect(TestChildren.registry.running.contains(child.process))
        #expect(TestChildren.registry.signalGroup(child.process, SIGTERM))
        #expect(try await child.exit() == .signalled(SIGTERM))
        #expect(!TestChildren.registry.running.contains(child.process))
        #expect(!TestChildren.registry.signal(child.process, 0))
        #expect(!TestChildren.registry.signalGroup(child.process, 0))
    }

    @Test("an exit handler may spawn the next child")
    func respawn() async throws {
        let second = Mutex<Platform.ExitStatus?>(nil)
        _ = try TestChildren.registry.spawn(Command("/bin/false")) { _, _ in
            _ = try? TestChildren.registry.spawn(Command("/bin/true")) { _, status in second.withLock { $0 = status } }
        }
        try await eventually { second.withLock { $0 } == .exited(0) }
    }
}
