import Glibc
import Platform

/// A directory of a test, removed with all that is in it when the value goes away. Its path is short enough for
/// unix sockets. When the tests run as root it belongs to the postgres user, because postgres refuses root.
package final class TemporaryDirectory: Sendable {
    package let path: String

    /// - Parameter inMemory: for servers whose data need not survive: a thousand small files are made many times faster
    ///   there. On disk all the same where there is little memory for it.
    package init(inMemory: Bool = false) throws {
        let parent = inMemory ? Self.memory : "/tmp"
        path = "\(parent)/pgmt-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        try Files.makeDirectory(path, mode: 0o755)
        try giveToPostgres(path)
    }

    package static let memory: String = {
        // A container's may have no more than 64 MB.
        let free = (try? Files.freeBytes("/dev/shm")) ?? 0
        return free >= 4 << 30 ? "/dev/shm" : "/tmp"
    }()

    deinit {
        // Whatever is still being written by a process that was just killed is gone at the second or third try.
        for _ in 0..<50 {
            if (try? Files.removeTree(path)) != nil { return }
            usleep(20_000)
        }
    }

    /// The path of a name in the directory.
    package func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Makes a directory in this one.
    package func directory(_ name: String, mode: UInt32 = 0o700) throws -> String {
        let path = file(name)
        try Files.makeDirectory(path, mode: mode)
        try giveToPostgres(path)
        return path
    }
}

/// Makes a file or directory belong to the postgres user; does nothing unless run as root.
package func giveToPostgres(_ path: String) throws {
    guard getuid() == 0 else { return }
    guard let user = getpwnam("postgres") else { throw SystemError("find the user postgres", code: ENOENT) }
    guard chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else { throw SystemError("chown", path: path) }
}

extension Command {
    /// This command as the postgres user: postgres refuses root. The same command when not run as root.
    package var asPostgres: Command {
        guard getuid() == 0 else { return self }
        var command = self
        command.path = "/usr/bin/setpriv"
        command.arguments = ["--reuid=postgres", "--regid=postgres", "--init-groups", "--", path] + arguments
        return command
    }
}
