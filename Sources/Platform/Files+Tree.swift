import Glibc

/// Making and removing. None of it is synced.
extension Files {
    /// Makes a directory and its parents; one that exists is fine, with whatever mode it has.
    /// - Parameter mode: permissions of the last directory, before the umask; parents get 0755.
    package static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(SystemError) {
        if mkdir(path, mode) == 0 { return }
        let code = errno
        if isDirectory(path) { return }
        let above = parent(of: path)
        guard code == ENOENT, above != path else { throw SystemError("make the directory", path: path, code: code) }
        try makeDirectory(above, mode: 0o755)
        if mkdir(path, mode) == 0 { return }
        let failure = SystemError("make the directory", path: path)
        // Another process may have made the same one.
        if !isDirectory(path) { throw failure }
    }

    /// Makes a named pipe; one that exists is fine, anything else of that name is an error (EEXIST).
    package static func makeFIFO(_ path: String, mode: UInt32 = 0o600) throws(SystemError) {
        if mkfifo(path, mode) == 0 { return }
        let code = errno
        guard code == EEXIST, kind(of: path, following: false) == S_IFIFO else {
            throw SystemError("make the FIFO", path: path, code: code)
        }
    }

    /// Removes a file or a symbolic link; one that does not exist is fine.
    package static func remove(_ path: String) throws(SystemError) {
        if unlink(path) != 0, errno != ENOENT { throw SystemError("remove", path: path) }
    }

    /// Removes a file or a directory with all that is in it; one that does not exist is fine. Links are removed,
    /// never followed.
    package static func removeTree(_ path: String) throws(SystemError) {
        try removeTree(path, depth: 0)
    }

    private static func removeTree(_ path: String, depth: Int) throws(SystemError) {
        guard depth < maximumDepth else { throw SystemError("remove", path: path, code: ELOOP) }
        guard kind(of: path, following: false) == S_IFDIR else { return try remove(path) }
        let names: [String]
        do throws(SystemError) { names = try list(path) } catch {
            if error.isNotFound { return }
            throw error
        }
        for name in names { try removeTree("\(path)/\(name)", depth: depth + 1) }
        if rmdir(path) != 0, errno != ENOENT { throw SystemError("remove", path: path) }
    }
}
