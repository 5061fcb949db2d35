import Glibc
import Platform
import Synchronization

/// TCP ports on loopback that nobody listens on.
package enum FreePort {
    private static let given = Mutex<Set<Int>>([])

    /// A port that was free a moment ago and is given only once in this process.
    package static func take() throws -> Int {
        for _ in 0..<100 {
            let port = try probe()
            if given.withLock({ $0.insert(port).inserted }) { return port }
        }
        throw SystemError("find a free port", code: EADDRINUSE)
    }

    private static func probe() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("make a socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { address in
                bind(descriptor, address.baseAddress, size) == 0
                    ? getsockname(descriptor, address.baseAddress, &size) : -1
            }
        }
        guard result == 0 else { throw SystemError("find a free port") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
