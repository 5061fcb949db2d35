import Glibc

/// A system call that failed: `cannot fsync '/data/x': No space left on device`.
package struct SystemError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The call's errno.
    package let code: Int32
    /// What was attempted, as a verb: `fsync`.
    package let operation: String
    package let path: String?

    /// Takes errno as it stands unless a code is given: make it right after the call.
    package init(_ operation: String, path: String? = nil, code: Int32 = errno) {
        self.code = code
        self.operation = operation
        self.path = path
    }

    package var isNotFound: Bool { code == ENOENT }
    package var isExists: Bool { code == EEXIST }
    /// The disk or the quota is full.
    package var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }
    /// Of a network file system: what the handle led to is gone, while its path may lead to something.
    package var isStale: Bool { code == ESTALE }
    package var isReadOnly: Bool { code == EROFS }
    package var isPermissionDenied: Bool { code == EACCES || code == EPERM }
    /// A non-blocking call that would have to wait.
    package var wouldBlock: Bool { code == EAGAIN || code == EWOULDBLOCK }

    /// The system's words for `code`, without operation and path.
    package var reason: String { String(cString: strerror(code)) }

    package var description: String {
        if let path { "cannot \(operation) '\(path)': \(reason)" } else { "cannot \(operation): \(reason)" }
    }
}

/// Runs a call that returns a negative number on failure, again for as long as signals interrupt it.
@discardableResult
func retrying<Result: SignedInteger>(
    _ operation: String, path: String? = nil, _ call: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        let code = errno
        guard code == EINTR else { throw SystemError(operation, path: path, code: code) }
    }
}
