import Glibc
import Platform

/// Tests run as root, postgres does not. Commands are wrapped by `Command.asPostgres`; files that the test writes into
/// a server's directory change hands here.
package enum AsPostgres {
    /// Makes a directory and all that is in it belong to the postgres user; does nothing unless run as root.
    package static func own(_ path: String) throws {
        guard getuid() == 0 else { return }
        guard let user = getpwnam("postgres") else { throw SystemError("find the user postgres", code: ENOENT) }
        try own(path, user.pointee.pw_uid, user.pointee.pw_gid)
    }

    private static func own(_ path: String, _ user: uid_t, _ group: gid_t) throws {
        // Servers rename and remove files while this goes on.
        if lchown(path, user, group) != 0, errno != ENOENT { throw SystemError("chown", path: path) }
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        for name in (try? Files.list(path)) ?? [] { try own("\(path)/\(name)", user, group) }
    }
}
