import Glibc

/// Files by path. Every call may block on the disk: never from a loop that has to stay alive.
package enum Files {
    /// The whole content; a file of more than `limit` bytes is an error (EFBIG).
    package static func read(_ path: String, limit: Int = 16 << 20) throws(SystemError) -> [UInt8] {
        let file = try FileDescriptor(opening: path, O_RDONLY)
        var content: [UInt8] = []
        // Until the end and not by size: files in /proc have none.
        while true {
            let part: [UInt8]
            do throws(SystemError) { part = try file.read(upTo: min((64 << 10) - 1, limit) + 1) } catch {
                throw SystemError(error.operation, path: path, code: error.code)
            }
            if part.isEmpty { return content }
            content.append(contentsOf: part)
            guard content.count <= limit else { throw SystemError("read", path: path, code: EFBIG) }
        }
    }

    /// The whole content as UTF-8; anything else is an error (EILSEQ).
    package static func readText(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> String {
        guard let text = String(validating: try read(path, limit: limit), as: UTF8.self) else {
            throw SystemError("read as UTF-8", path: path, code: EILSEQ)
        }
        return text
    }

    /// Whether something is there, be it a dangling symbolic link.
    package static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    /// Follows symbolic links.
    package static func isDirectory(_ path: String) -> Bool {
        kind(of: path, following: true) == S_IFDIR
    }

    /// The names in a directory, without `.` and `..`, in no order.
    package static func list(_ path: String) throws(SystemError) -> [String] {
        guard let directory = opendir(path) else { throw SystemError("list", path: path) }
        defer { closedir(directory) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                if errno != 0 { throw SystemError("list", path: path) }
                return names
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    /// Size in bytes; follows symbolic links.
    package static func size(_ path: String) throws(SystemError) -> UInt64 {
        var status = stat()
        try retrying("stat", path: path) { stat(path, &status) }
        return UInt64(max(0, status.st_size))
    }

    /// What an unprivileged user may still write to the file system of `path`, in bytes.
    package static func freeBytes(_ path: String) throws(SystemError) -> UInt64 {
        var status = statvfs()
        try retrying("statvfs", path: path) { statvfs(path, &status) }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// The absolute path without symbolic links, `.` and `..`; all of it must exist.
    package static func canonicalPath(_ path: String) throws(SystemError) -> String {
        guard let resolved = realpath(path, nil) else { throw SystemError("resolve", path: path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Where a symbolic link points to.
    package static func linkTarget(_ path: String) throws(SystemError) -> String {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let length = target.withUnsafeMutableBytes { buffer in
            buffer.withMemoryRebound(to: CChar.self) { buffer in
                buffer.baseAddress.map { readlink(path, $0, buffer.count) } ?? -1
            }
        }
        guard length >= 0 else { throw SystemError("read the link", path: path) }
        return String(decoding: target.prefix(length), as: UTF8.self)
    }

    /// The S_IFMT bits; nil when nothing is there.
    static func kind(of path: String, following: Bool) -> mode_t? {
        var status = stat()
        guard (following ? stat(path, &status) : lstat(path, &status)) == 0 else { return nil }
        return status.st_mode & S_IFMT
    }

    /// The directory that holds `path`.
    static func parent(of path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        let parent = trimmed[..<slash]
        return parent.isEmpty ? "/" : String(parent)
    }
}
