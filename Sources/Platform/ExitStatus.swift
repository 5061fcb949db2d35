import Glibc

/// A process' number.
package typealias ProcessID = Int32

/// How a process ended.
package enum ExitStatus: Hashable, Sendable, CustomStringConvertible {
    case exited(Int32)
    /// Killed by this signal.
    case signalled(Int32)

    /// - Parameter waitStatus: as wait(2) gives it, of a process that has ended.
    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited(waitStatus >> 8 & 0xff) : .signalled(signal)
    }

    package var isSuccess: Bool { self == .exited(0) }

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signalled(let signal):
            if let name = sigabbrev(signal) { "killed by SIG\(name)" } else { "killed by signal \(signal)" }
        }
    }

    private func sigabbrev(_ signal: Int32) -> String? {
        [
            SIGHUP: "HUP", SIGINT: "INT", SIGQUIT: "QUIT", SIGILL: "ILL", SIGABRT: "ABRT", SIGBUS: "BUS",
            SIGFPE: "FPE", SIGKILL: "KILL", SIGSEGV: "SEGV", SIGPIPE: "PIPE", SIGALRM: "ALRM", SIGTERM: "TERM",
            SIGUSR1: "USR1", SIGUSR2: "USR2",
        ][signal]
    }
}
