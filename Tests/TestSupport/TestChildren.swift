import Glibc
import Platform
import Synchronization

/// Processes that tests start.
///
/// All tests of the package share one process, and with it one set of children: spawn through a `ChildRegistry`,
/// never through Foundation's `Process` or an exit test, which would lose their statuses to it.
package enum TestChildren {
    /// Reaped by a thread of its own, so that exit handlers are called without further ado. Orphans of processes that
    /// tests kill come back to us and are waited for.
    package static let registry: ChildRegistry = {
        let registry = ChildRegistry()
        try? Processes.setChildSubreaper()
        // Polled: the signals are left to the tests that are about them.
        let reaper = try? WorkerThread(name: "test-reaper")
        _ = reaper?.submit {
            while true {
                registry.reap()
                usleep(2_000)
            }
        }
        return registry
    }()

    /// Runs a program to its end.
    package static func run(_ command: Command) async throws -> ExitStatus {
        try await withCheckedThrowingContinuation { continuation in
            do {
                _ = try registry.spawn(command) { _, status in continuation.resume(returning: status) }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Runs a program to its end and returns what it wrote to its standard output and error.
    package static func output(of command: Command) async throws -> (status: ExitStatus, text: String) {
        let directory = try TemporaryDirectory()
        let path = directory.file("output")
        let file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_APPEND)
        var command = command
        command.output = .descriptor(file.rawValue)
        command.error = command.output
        let status = try await run(command)
        return (status, String(decoding: try Files.read(path), as: UTF8.self))
    }
}

/// A process that a test started; killed, if it is still there, when the value goes away.
package final class TestChild: Sendable {
    package let process: ProcessID
    private let ending: Ending

    package init(_ command: Command) throws {
        let ending = Ending()
        self.ending = ending
        process = try TestChildren.registry.spawn(command) { _, status in ending.set(status) }
    }

    deinit { kill(SIGKILL) }

    /// nil while it runs.
    package var status: ExitStatus? { ending.get() }

    @discardableResult
    package func kill(_ signal: Int32) -> Bool { TestChildren.registry.signal(process, signal) }

    /// Waits for its end.
    package func exit(within limit: Duration = .seconds(20)) async throws -> ExitStatus {
        try await eventualValue("process \(process) ends", within: limit) { status }
    }
}

/// How a process ended, once it has: what an exit handler leaves for a test to look at.
package final class Ending: Sendable {
    private let status = Mutex<ExitStatus?>(nil)

    package init() {}

    package func set(_ status: ExitStatus) { self.status.withLock { $0 = status } }

    /// nil while it runs.
    package func get() -> ExitStatus? { status.withLock { $0 } }
}
