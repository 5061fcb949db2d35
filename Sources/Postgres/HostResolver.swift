import ClusterModel
import Glibc
import Platform

/// Looks host names up in bounded time: getaddrinfo(3) may take minutes, so it has a thread of its own, and whoever
/// asked goes on without it at the deadline.
package final class HostResolver: Sendable {
    private let worker: WorkerThread

    package init() throws(SystemError) { worker = try WorkerThread(name: "resolver", capacity: 4) }

    /// Numeric addresses, in the order of preference; an address is returned as it is, without waiting.
    package func addresses(of host: String, deadline: Instant) throws(SQLError) -> [String] {
        if Self.isAddress(host) { return [host] }
        guard let answer = try? Mailbox<[String]>(capacity: 1) else {
            throw SQLError(.unreachable, "cannot look '\(host)' up: no descriptors left")
        }
        guard worker.submit({ answer.post(Self.lookUp(host)) }) else {
            throw SQLError(.unreachable, "cannot look '\(host)' up: earlier look-ups still hang")
        }
        while true {
            if let found = answer.drain().first {
                guard !found.isEmpty else { throw SQLError(.unreachable, "the host name '\(host)' is not known") }
                return found
            }
            guard BootClock.now() < deadline else {
                throw SQLError(.timedOut, "looking '\(host)' up took longer than the deadline")
            }
            _ = Poll.wait([answer.wakeDescriptor], until: deadline)
        }
    }

    static func isAddress(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    /// Empty when there is none.
    private static func lookUp(_ host: String) -> [String] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [String] = []
        var next = list
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let size = socklen_t(text.count)
            let info = entry.pointee
            if getnameinfo(info.ai_addr, info.ai_addrlen, &text, size, nil, 0, NI_NUMERICHOST) == 0 {
                let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !found.contains(address) { found.append(address) }
            }
            next = info.ai_next
        }
        return found
    }
}
