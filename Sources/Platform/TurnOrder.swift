import Synchronization

/// Lets threads that work side by side pass one place in the order of their numbers.
package final class TurnOrder: Sendable {
    /// Somebody ahead has failed.
    package struct BrokenError: Error {}

    private struct State {
        var next = 0
        var isBroken = false
        var waiting: [Int: Semaphore] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Waits until all smaller numbers have passed. Numbers start at 0, and none is left out.
    package func wait(for number: Int) throws(BrokenError) {
        let own: Semaphore? = try state.withLock { (state) throws(BrokenError) in
            if state.isBroken { throw BrokenError() }
            if state.next == number { return nil }
            let semaphore = Semaphore()
            state.waiting[number] = semaphore
            return semaphore
        }
        guard let own else { return }
        own.wait()
        if state.withLock({ $0.isBroken }) { throw BrokenError() }
    }

    /// To be called by the one whose turn it is, when it is through.
    package func pass() {
        let successor = state.withLock { state in
            state.next += 1
            return state.waiting.removeValue(forKey: state.next)
        }
        successor?.signal()
    }

    /// Ends all waiting, now and later.
    package func end() {
        let waiting = state.withLock { state in
            state.isBroken = true
            defer { state.waiting = [:] }
            return state.waiting
        }
        for semaphore in waiting.values { semaphore.signal() }
    }
}
