import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct WorkerThreadTests {
    @Test("jobs run in order on one thread of the given name")
    func order() async throws {
        let worker = try WorkerThread(name: "a-name-longer-than-fifteen")
        let results = Mutex<[(Int, String)]>([])
        for number in 0..<50 {
            #expect(
                worker.submit {
                    let name = (try? Files.readText("/proc/thread-self/comm")) ?? ""
                    results.withLock { $0.append((number, name)) }
                })
        }
        try await eventually { results.withLock { $0.count } == 50 }
        #expect(results.withLock { $0.map(\.0) } == Array(0..<50))
        #expect(Set(results.withLock { $0.map(\.1) }) == ["a-name-longer-t\n"])
    }

    @Test("a queue that is full refuses jobs, and a busy thread keeps no caller waiting")
    func bounded() async throws {
        let worker = try WorkerThread(name: "bounded", capacity: 2)
        let gate = try Pipe()
        let ready = Atomic(0)
        let done = Atomic(0)
        // Held up until the other end of the pipe is closed.
        let descriptor = gate.read.rawValue
        worker.submit {
            ready.add(1, ordering: .sequentiallyConsistent)
            _ = Poll.wait([descriptor], until: nil)
        }
        try await eventually { ready.load(ordering: .sequentiallyConsistent) == 1 }
        #expect(worker.submit { done.add(1, ordering: .sequentiallyConsistent) })
        #expect(worker.submit { done.add(1, ordering: .sequentiallyConsistent) })
        #expect(!worker.submit {})
        try gate.write.write([1])
        try await eventually { done.load(ordering: .sequentiallyConsistent) == 2 }
        withExtendedLifetime(gate.read.rawValue) {}
    }

    @Test("a stopped thread runs what it has accepted, takes nothing more and ends")
    func stop() async throws {
        let worker = try WorkerThread(name: "stopped")
        let done = Atomic(0)
        let thread = Mutex("")
        for _ in 0..<10 {
            worker.submit {
                thread.withLock { $0 = ownThread() }
                done.add(1, ordering: .sequentiallyConsistent)
            }
        }
        worker.stop()
        #expect(!worker.submit {})
        try await eventually { done.load(ordering: .sequentiallyConsistent) == 10 }
        let task = "/proc/\(thread.withLock { $0 })/comm"
        try await eventually("the thread ends") { (try? Files.readText(task)) != "stopped\n" }
    }

    @Test("a thread ends when nobody holds it any more")
    func release() async throws {
        let thread = Mutex("")
        try WorkerThread(name: "dropped").submit { thread.withLock { $0 = ownThread() } }
        try await eventually { thread.withLock { !$0.isEmpty } }
        let task = "/proc/\(thread.withLock { $0 })/comm"
        try await eventually("the thread ends") { (try? Files.readText(task)) != "dropped\n" }
    }
}

/// The calling thread as in /proc: `PID/task/TID`.
private func ownThread() -> String { (try? Files.linkTarget("/proc/thread-self")) ?? "" }
