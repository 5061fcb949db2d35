import Glibc

/// A stream socket in the file system; only this user gets in.
package struct UnixListener: ~Copyable, Sendable {
    private let socket: FileDescriptor

    /// Takes the path over: what a dead process left there is removed.
    /// - Parameter path: 107 bytes at most.
    package init(path: String, backlog: Int32 = 64) throws(SystemError) {
        socket = try Self.listen(at: path, backlog: backlog)
    }

    private static func listen(at path: String, backlog: Int32) throws(SystemError) -> FileDescriptor {
        let socket = try makeSocket(path)
        var address = try address(path)
        try Files.remove(path)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket.rawValue, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, chmod(path, 0o600) == 0, Glibc.listen(socket.rawValue, backlog) == 0 else {
            throw SystemError("listen on", path: path)
        }
        return socket
    }

    private static func makeSocket(_ path: String) throws(SystemError) -> FileDescriptor {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = Glibc.socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw SystemError("make a socket", path: path) }
        return FileDescriptor(owning: descriptor)
    }

    private static func address(_ path: String) throws(SystemError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError("listen on", path: path, code: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    /// Readable while somebody waits to be let in.
    package var rawValue: Int32 { socket.rawValue }

    /// Lets somebody in, on a descriptor that does not block; nil when nobody waits.
    package func accept() -> FileDescriptor? {
        let descriptor = Glibc.accept(socket.rawValue, nil, nil)
        guard descriptor >= 0 else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return FileDescriptor(owning: descriptor)
    }
}
