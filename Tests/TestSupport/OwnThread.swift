import Platform
import Testing

/// Runs each test of a suite on a thread of its own, where it may block.
///
/// All tests of the package share one process, and its pool has as many threads as the machine has cores: a test that
/// blocks there holds up all others, whose limits of time then pass for nothing.
package struct OwnThreadTrait: TestTrait, SuiteTrait, TestScoping {
    package var isRecursive: Bool { true }

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await withTaskExecutorPreference(try ThreadExecutor()) { try await function() }
    }
}

extension Trait where Self == OwnThreadTrait {
    package static var ownThread: OwnThreadTrait { OwnThreadTrait() }
}

/// Runs tasks on one thread, which ends with the executor.
private final class ThreadExecutor: TaskExecutor {
    private let thread: WorkerThread

    init() throws(SystemError) { thread = try WorkerThread(name: "test", capacity: 1024, stackSize: 4 << 20) }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        thread.submit { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
