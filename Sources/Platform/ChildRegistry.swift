import Glibc
import Synchronization

/// The only place in the process that spawns and waits: two that wait take each other's exit statuses.
///
/// A process has one set of children, so there is one table: all values share it, and any of them reaps for all.
/// Methods work from any thread (but see ``Command/tied(by:)``).
package final class ChildRegistry: Sendable {
    package typealias ExitHandler = @Sendable (ProcessID, ExitStatus) -> Void

    private struct Child {
        let owner: ChildRegistry
        let onExit: ExitHandler
    }

    private struct Table {
        var running: [ProcessID: Child] = [:]
        var orphansReaped = 0
    }

    private static let table = Mutex(Table())

    package init() {}

    /// Children of processes that died before them, taken over and waited for, in the whole process.
    package var orphansReaped: Int { Self.table.withLock { $0.orphansReaped } }

    /// Children spawned through this value that have not been waited for.
    package var running: [ProcessID] {
        Self.table.withLock { table in table.running.filter { $0.value.owner === self }.map(\.key) }
    }

    /// Starts a program in a process group of its own, with no signal blocked or ignored and no descriptor open but
    /// the three standard ones.
    ///
    /// Returns once the program is being executed; a program that cannot be is an error.
    /// - Parameter onExit: called exactly once, by whoever calls ``reap()``, perhaps before this returns; must not block.
    package func spawn(_ command: Command, onExit: @escaping ExitHandler) throws(SystemError) -> ProcessID {
        let plan = try SpawnPlan(command)
        // The lock is held across both steps, so that reap() cannot see the exit before the entry exists.
        return try Self.table.withLock { table throws(SystemError) in
            let process = try plan.spawn()
            table.running[process] = Child(owner: self, onExit: onExit)
            return process
        }
    }

    /// Waits for every child that has ended, known or not. Never blocks: call it on SIGCHLD.
    package func reap() {
        for _ in 0..<Self.reapedAtOnce {
            var ended: (onExit: ExitHandler, process: ProcessID, status: ExitStatus)?
            let found = Self.table.withLock { table in
                var raw: Int32 = 0
                let process = waitpid(-1, &raw, WNOHANG)
                guard process > 0 else { return false }
                if let child = table.running.removeValue(forKey: process) {
                    ended = (child.onExit, process, ExitStatus(waitStatus: raw))
                } else {
                    table.orphansReaped += 1
                }
                return true
            }
            guard found else { return }
            // Outside the lock: a handler may spawn the next child.
            if let ended { ended.onExit(ended.process, ended.status) }
        }
        // A flood must not keep the caller here; the signal brings it back.
        kill(getpid(), SIGCHLD)
    }

    /// Signals a child, and no other process that got its number after it was waited for.
    /// False when it is not running any more.
    @discardableResult
    package func signal(_ process: ProcessID, _ signal: Int32) -> Bool {
        Self.table.withLock { $0.running[process] != nil && kill(process, signal) == 0 }
    }

    /// As ``signal(_:_:)``, for the child's whole process group. The children of postgres are not in it: see
    /// ``Processes/killPostgres(postmaster:dataDirectory:)``.
    @discardableResult
    package func signalGroup(_ process: ProcessID, _ signal: Int32) -> Bool {
        Self.table.withLock { $0.running[process] != nil && kill(-process, signal) == 0 }
    }

    private static let reapedAtOnce = 512
}
