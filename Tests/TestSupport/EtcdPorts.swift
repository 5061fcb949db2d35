import Glibc
import Platform
import Synchronization

/// Ports for servers that are stopped and started again: outside the range from which the system takes the ports of
/// outgoing connections, one of which would otherwise have it meanwhile, or even connect to itself.
enum EtcdPorts {
    private static let given = Mutex<Set<Int>>([])

    /// A port on loopback that was free a moment ago and is given only once in this process.
    static func take() throws -> Int {
        for _ in 0..<1000 {
            let port = Int.random(in: 15_000..<32_000)
            if isFree(port), given.withLock({ $0.insert(port).inserted }) { return port }
        }
        throw SystemError("find a free port", code: EADDRINUSE)
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(descriptor, $0.baseAddress, size) == 0 }
        }
    }
}
