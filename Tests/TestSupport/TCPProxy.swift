import ClusterModel
import Glibc
import Platform
import Synchronization

/// Stands between clients and a server on loopback and does to their connections what networks do: a thread for each
/// direction of each connection.
package final class TCPProxy: Sendable {
    private struct State {
        var delay = Duration.zero
        var isPaused = false
        var isCut = false
        /// Replies that are still to be lost.
        var repliesToLose = 0
        var repliesLost = 0
        var connections: [Int: Connection] = [:]
        var accepted = 0
    }

    private final class Connection: Sendable {
        let near: Int32
        let far: Int32
        private struct State {
            var directions = 2
            var isReplyDoomed = false
        }
        private let state = Mutex(State())

        init(near: Int32, far: Int32) {
            self.near = near
            self.far = far
        }

        deinit {
            close(near)
            close(far)
        }

        func end() {
            shutdown(near, Int32(SHUT_RDWR))
            shutdown(far, Int32(SHUT_RDWR))
        }

        /// What the server says next is the reply to what was just sent.
        func doom() { state.withLock { $0.isReplyDoomed = true } }
        var isReplyDoomed: Bool { state.withLock { $0.isReplyDoomed } }
    }

    package let port: Int
    private let target: Mutex<Int>
    private let listener: Int32
    private let state = Mutex(State())

    /// Connections that clients have opened so far.
    package var accepted: Int { state.withLock { $0.accepted } }
    /// Connections that are not closed yet.
    package var open: Int { state.withLock { $0.connections.count } }
    /// Replies that were lost as asked for.
    package var repliesLost: Int { state.withLock { $0.repliesLost } }

    package init(to target: Int) throws {
        self.target = Mutex(target)
        (listener, port) = try Self.listen()
        try WorkerThread(name: "proxy").submit { [weak self, listener] in
            while true {
                let near = accept(listener, nil, nil)
                guard near >= 0 else { return }
                guard let self else {
                    close(near)
                    return
                }
                self.serve(near)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        for connection in state.withLock({ $0.connections }).values { connection.end() }
    }

    // MARK: - Faults

    /// Holds back everything that the server says for so long.
    package func delay(by delay: Duration) { state.withLock { $0.delay = delay } }

    /// Passes nothing on, in either direction, while connections stay open and new ones are accepted.
    package func pause() { state.withLock { $0.isPaused = true } }
    package func resume() { state.withLock { $0.isPaused = false } }

    /// Breaks all connections, and every new one, until `mend`.
    package func cut() {
        let connections = state.withLock { state in
            state.isCut = true
            return Array(state.connections.values)
        }
        for connection in connections { connection.end() }
    }

    package func mend() { state.withLock { $0.isCut = false } }

    /// New connections lead to another server.
    package func lead(to port: Int) { target.withLock { $0 = port } }

    /// Passes the next request on, and breaks its connection instead of passing the reply back.
    package func loseNextReply() { state.withLock { $0.repliesToLose += 1 } }

    // MARK: -

    private func serve(_ near: Int32) {
        let far = Self.connect(to: target.withLock { $0 })
        let connection = Connection(near: near, far: far)
        let number: Int? = state.withLock { state in
            state.accepted += 1
            guard !state.isCut, far >= 0 else { return nil }
            state.connections[state.accepted] = connection
            return state.accepted
        }
        guard let number else { return connection.end() }
        for isRequest in [true, false] {
            _ = try? WorkerThread(name: "proxy").submit { [weak self] in
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                let (from, to) = isRequest ? (near, far) : (far, near)
                while true {
                    let count = recv(from, &buffer, buffer.count, 0)
                    guard count > 0, let self, self.mayPass(connection, isRequest: isRequest),
                        Self.send(buffer[..<count], to: to)
                    else { break }
                }
                connection.end()
                self?.state.withLock { $0.connections[number] = nil }
            }
        }
    }

    /// Waits as the faults ask for. False when the connection has to break.
    private func mayPass(_ connection: Connection, isRequest: Bool) -> Bool {
        if isRequest {
            let isDoomed = state.withLock { state in
                guard state.repliesToLose > 0 else { return false }
                state.repliesToLose -= 1
                return true
            }
            if isDoomed { connection.doom() }
        } else {
            if connection.isReplyDoomed {
                state.withLock { $0.repliesLost += 1 }
                return false
            }
            let delay = state.withLock { $0.delay }
            if delay > .zero { _ = Poll.wait([], until: BootClock.now() + delay) }
        }
        while state.withLock({ $0.isPaused && !$0.isCut }) { usleep(2_000) }
        return !state.withLock { $0.isCut }
    }

    private static func send(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func connect(to port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return -1 }
        let result = withLoopback(port) { Glibc.connect(descriptor, $0, $1) }
        guard result == 0 else {
            close(descriptor)
            return -1
        }
        return descriptor
    }

    private static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("make a socket") }
        var address = sockaddr_in()
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        guard withLoopback(0, { bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 128) == 0,
            withUnsafeMutableBytes(
                of: &address,
                { bytes in
                    bytes.withMemoryRebound(to: sockaddr.self) { getsockname(descriptor, $0.baseAddress, &size) }
                }) == 0
        else {
            let error = SystemError("listen")
            close(descriptor)
            throw error
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func withLoopback(_ port: Int, _ body: (UnsafePointer<sockaddr>?, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { body($0.baseAddress, socklen_t(bytes.count)) }
        }
    }
}
