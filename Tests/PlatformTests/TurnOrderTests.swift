import Synchronization
import TestSupport
import Testing

@testable import Platform

struct TurnOrderTests {
    @Test("threads pass in the order of their numbers, whichever comes first")
    func order() async throws {
        let turns = TurnOrder()
        let passed = Mutex<[Int]>([])
        let threads = try (0..<4).map { try WorkerThread(name: "turn-\($0)", capacity: 100) }
        for number in (0..<100).reversed() {
            // Each thread gets its numbers in their order, and the threads are far apart.
            let own = 99 - number
            threads[own % 4].submit {
                try? turns.wait(for: own)
                passed.withLock { $0.append(own) }
                turns.pass()
            }
        }
        try await eventually("all have passed", within: .seconds(10)) { passed.withLock { $0.count == 100 } }
        #expect(passed.withLock { $0 } == Array(0..<100))
        for thread in threads { thread.stop() }
    }

    @Test("who waits behind one that failed is told")
    func broken() async throws {
        let turns = TurnOrder()
        let result = Mutex<Bool?>(nil)
        let thread = try WorkerThread(name: "turn", capacity: 1)
        thread.submit {
            do {
                try turns.wait(for: 1)
                result.withLock { $0 = true }
            } catch { result.withLock { $0 = false } }
        }
        turns.end()
        try await eventually("it was told", within: .seconds(10)) { result.withLock { $0 != nil } }
        #expect(result.withLock { $0 } == false)
        #expect(throws: TurnOrder.BrokenError.self) { try turns.wait(for: 0) }
        thread.stop()
    }
}
