import Glibc

/// The little that the configuration needs of the file system; tests pass their own.
package struct ConfigurationFiles: Sendable {
    /// Why a file cannot be read, in the system's words.
    package struct Problem: Error, Hashable, Sendable {
        package let reason: String
        package init(_ reason: String) { self.reason = reason }
    }

    /// Content of a file, at most `limit` bytes; throws a `Problem`.
    package let read: @Sendable (_ path: String, _ limit: Int) throws(Problem) -> [UInt8]
    package let isExecutable: @Sendable (_ path: String) -> Bool

    package init(
        read: @escaping @Sendable (_ path: String, _ limit: Int) throws(Problem) -> [UInt8],
        isExecutable: @escaping @Sendable (_ path: String) -> Bool
    ) {
        self.read = read
        self.isExecutable = isExecutable
    }

    /// The machine's own.
    package static let system = ConfigurationFiles(
        read: { path, limit throws(Problem) in try readFile(path, limit: limit) },
        isExecutable: { access($0, X_OK) == 0 })

    /// A FIFO or a device given by mistake must not hang the start: opened without waiting, only regular files are read.
    private static func readFile(_ path: String, limit: Int) throws(Problem) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Problem(reason(of: errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Problem(reason(of: errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Problem("not a regular file") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Problem(reason(of: errno))
            }
            bytes += chunk.prefix(count)
            guard bytes.count <= limit else { throw Problem("more than \(limit) bytes") }
        }
    }

    private static func reason(of code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
