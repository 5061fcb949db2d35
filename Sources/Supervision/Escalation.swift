import Glibc

/// How postgres is ended: one signal after the other, each with the time it gets. Pure.
struct Escalation: Hashable, Sendable {
    enum Step: Hashable, Sendable {
        /// To the postmaster.
        case signal(Int32, patience: Duration)
        /// To every process of the server.
        case kill
    }

    let steps: [Step]

    init(steps: [Step]) { self.steps = steps }

    /// smart (SIGTERM), fast (SIGINT), immediate (SIGQUIT), then SIGKILL. A step without patience is left out.
    static func orderly(smart: Duration, fast: Duration, immediate: Duration) -> Escalation {
        let signals: [(Int32, Duration)] = [(SIGTERM, smart), (SIGINT, fast), (SIGQUIT, immediate)]
        return Escalation(
            steps: signals.filter { $0.1 > .zero }.map { .signal($0.0, patience: $0.1) } + [.kill])
    }

    /// Immediate, then SIGKILL, so that all of it fits into `killWithin`.
    static func fence(killWithin: Duration) -> Escalation {
        Escalation(steps: [.signal(SIGQUIT, patience: killWithin / 2), .kill])
    }

    /// What is left after the steps up to the one that is under way: what a second request to stop skips to.
    func hurried(after index: Int) -> Escalation {
        Escalation(steps: Array(steps.dropFirst(min(index + 1, steps.count - 1))))
    }
}
