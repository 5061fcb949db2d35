import ClusterModel
import Glibc
import Platform
import Testing

@Suite(.serialized) struct SignalsTests {
    /// Raises signals one after the other on a thread that has none blocked, so that none merges with the next.
    private func raise(_ signals: [Int32]) async throws {
        let worker = try WorkerThread(name: "raiser")
        await withCheckedContinuation { continuation in
            worker.submit {
                var none = sigset_t()
                sigemptyset(&none)
                pthread_sigmask(SIG_SETMASK, &none, nil)
                for signal in signals { Glibc.raise(signal) }
                continuation.resume()
            }
        }
    }

    @Test("a caught signal wakes the loop and is counted")
    func counted() async throws {
        let descriptor = try Signals.install([SIGUSR1, SIGWINCH])
        #expect(try Signals.install([SIGUSR1]) == descriptor)
        _ = Signals.pending(descriptor)
        #expect(Poll.wait([descriptor], until: BootClock.now()).isEmpty)
        try await raise([SIGWINCH, SIGUSR1, SIGUSR1])
        #expect(Poll.wait([descriptor], until: BootClock.now() + .seconds(5)) == [descriptor])
        #expect(Signals.pending(descriptor) == [SIGUSR1, SIGUSR1, SIGWINCH])
        #expect(Signals.pending(descriptor).isEmpty)
        #expect(Poll.wait([descriptor], until: BootClock.now()).isEmpty)
    }

    @Test("a flood of one signal does not push out another")
    func flood() async throws {
        let descriptor = try Signals.install([SIGUSR1, SIGWINCH])
        _ = Signals.pending(descriptor)
        try await raise(Array(repeating: SIGUSR1, count: 70_000) + [SIGWINCH])
        let pending = Signals.pending(descriptor)
        #expect(pending == Array(repeating: SIGUSR1, count: 8) + [SIGWINCH])
    }

    @Test("a signal that cannot be caught is an error")
    func refused() {
        #expect(throws: SystemError.self) { try Signals.install([SIGKILL]) }
        #expect(throws: SystemError.self) { try Signals.install([0]) }
    }
}
