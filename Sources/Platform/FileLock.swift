import ClusterModel
import Glibc

/// An exclusive flock(2) on a file that exists for nothing else; released when it goes away, or its process dies.
package struct FileLock: ~Copyable, Sendable {
    private let file: FileDescriptor

    /// Makes the file when needed; it is never removed, because a removed lock file locks nobody out.
    ///
    /// nil when another holds the lock and still does so at `deadline`.
    /// - Parameters:
    ///   - mode: permissions of a file that is made, before the umask.
    ///   - deadline: nil does not wait.
    package init?(exclusive path: String, mode: UInt32 = 0o600, until deadline: Instant? = nil) throws(SystemError) {
        let file = try FileDescriptor(opening: path, O_RDWR | O_CREAT, mode: mode)
        while flock(file.rawValue, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK || code == EINTR else { throw SystemError("lock", path: path, code: code) }
            // Polled, because flock knows no time limit, and an alarm would hit any thread.
            guard let deadline, BootClock.now() < deadline else { return nil }
            _ = Poll.wait([], until: min(deadline, BootClock.now() + .milliseconds(5)))
        }
        self.file = file
    }
}
