import CPlatform
import Glibc
import Synchronization

/// Signals as events of a loop.
///
/// There is one set of handlers in a process, and so one descriptor: all calls of ``install(_:)`` return it.
package enum Signals {
    private static let installed = Mutex<Set<Int32>>([])

    /// Catches these signals from now on, besides those already caught; do so before the first child is spawned.
    /// Returns a descriptor to poll, which ``pending(_:)`` drains and nobody closes.
    package static func install(_ signals: [Int32]) throws(SystemError) -> Int32 {
        for signal in signals {
            guard cpf_catch_signal(signal) == 0 else { throw SystemError("catch signal \(signal)") }
            installed.withLock { _ = $0.insert(signal) }
        }
        return try retrying("make an eventfd") { cpf_signal_descriptor() }
    }

    /// The signals that came since the last call, ascending. One that came several times is there several times,
    /// at most eight; SIGCHLD only once, because it never tells how many children ended.
    package static func pending(_ descriptor: Int32) -> [Int32] {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
        return installed.withLock { $0.sorted() }.flatMap { signal in
            let times = min(cpf_take_signal(signal), signal == SIGCHLD ? 1 : 8)
            return Array(repeating: signal, count: Int(times))
        }
    }

    /// Ignores a signal from now on; children get its default action back.
    package static func ignore(_ signal: Int32) {
        _ = Glibc.signal(signal, SIG_IGN)
    }
}
