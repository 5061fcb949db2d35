import Platform

/// Removes what was replaced, which may take minutes, on a thread that nobody waits for.
final class Janitor: Sendable {
    private let thread: WorkerThread

    init() throws(SystemError) { thread = try WorkerThread(name: "janitor", capacity: 8) }

    func submit(_ work: @escaping @Sendable () -> Void) { thread.submit(work) }
}
