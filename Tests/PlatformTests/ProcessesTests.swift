import Glibc
import Platform
import TestSupport
import Testing

@Suite struct ProcessesTests {
    @Test("a process is known by its start time, its directory and its program")
    func identity() async throws {
        let directory = try TemporaryDirectory()
        var command = Command("/bin/sleep", ["1000"])
        command.workingDirectory = directory.path
        let before = time(nil)
        let child = try TestChild(command)
        let started = try #require(Processes.startTime(of: child.process))
        #expect(abs(Int(started) - before) <= 2)
        #expect(Processes.workingDirectory(of: child.process) == directory.path)
        #expect(Processes.executable(of: child.process) == (try Files.canonicalPath("/bin/sleep")))
        #expect(Processes.exists(child.process))
        #expect(Processes.signal(child.process, SIGTERM))
        #expect(try await child.exit() == .signalled(SIGTERM))
        #expect(Processes.startTime(of: child.process) == nil)
        #expect(Processes.executable(of: child.process) == nil)
        #expect(!Processes.exists(child.process))
        #expect(!Processes.signal(child.process, SIGTERM))
    }

    @Test("all processes at once are never signalled")
    func reservedNumbers() {
        #expect(!Processes.signal(0, 0))
        #expect(!Processes.signal(-1, 0))
        #expect(!Processes.signalGroup(0, 0))
        #expect(!Processes.signalGroup(1, 0))
    }

    @Test("our own memory is known")
    func memory() throws {
        let memory = try #require(Processes.ownMemory())
        #expect(memory.resident > memory.anonymous)
        #expect(memory.anonymous > 100_000)
    }
}
