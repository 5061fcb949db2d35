import Glibc
import Platform
import Synchronization

/// Answers every request on loopback with what the test says: what etcd never would.
package final class EtcdStandIn: Sendable {
    package struct Answer: Sendable {
        package var status: Int
        package var type: String
        package var body: String
        /// Cuts the body to so many bytes, whatever length was announced, and ends the connection.
        package var cutAfter: Int?
        /// Whether more is announced, which never comes, while the connection stays open.
        package var isEndless: Bool

        package init(
            status: Int = 200, type: String = "application/json", body: String, cutAfter: Int? = nil,
            isEndless: Bool = false
        ) {
            self.status = status
            self.type = type
            self.body = body
            self.cutAfter = cutAfter
            self.isEndless = isEndless
        }
    }

    private struct State {
        var paths: [String] = []
        var connections: Set<Int32> = []
    }

    package let port: Int
    package var url: String { "http://127.0.0.1:\(port)" }
    private let listener: Int32
    private let answer: @Sendable (_ path: String) -> Answer
    private let state = Mutex(State())

    /// What was asked for so far.
    package var paths: [String] { state.withLock { $0.paths } }

    package init(answer: @escaping @Sendable (_ path: String) -> Answer) throws {
        self.answer = answer
        port = try FreePort.take()
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("make a socket") }
        listener = descriptor
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { bind(descriptor, $0.baseAddress, size) }
        }
        guard result == 0, listen(descriptor, 16) == 0 else {
            close(descriptor)
            throw SystemError("listen")
        }
        try WorkerThread(name: "etcd-stand-in").submit { [weak self] in
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else { return }
                guard let self, (try? self.serve(connection)) != nil else {
                    close(connection)
                    continue
                }
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        for connection in state.withLock({ $0.connections }) { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    private func serve(_ connection: Int32) throws {
        state.withLock { _ = $0.connections.insert(connection) }
        try WorkerThread(name: "etcd-stand-in").submit { [weak self] in
            var input: [UInt8] = []
            while let path = Self.nextPath(connection, &input) {
                guard let answer = self?.note(path) else { break }
                guard Self.send(answer, to: connection) else { break }
            }
            self?.state.withLock { _ = $0.connections.remove(connection) }
            close(connection)
        }
    }

    private func note(_ path: String) -> Answer {
        state.withLock { $0.paths.append(path) }
        return answer(path)
    }

    private static func nextPath(_ connection: Int32, _ input: inout [UInt8]) -> String? {
        while true {
            if let end = input.firstRange(of: Array("\r\n\r\n".utf8)) {
                let lines = String(decoding: input[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
                let length =
                    lines.first { $0.lowercased().hasPrefix("content-length:") }
                    .flatMap { Int($0.drop { $0 != " " }.dropFirst()) } ?? 0
                if input.count >= end.upperBound + length {
                    input.removeFirst(end.upperBound + length)
                    return lines.first.flatMap { $0.split(separator: " ").dropFirst().first }.map(String.init)
                }
            }
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            let count = recv(connection, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            input += buffer.prefix(count)
        }
    }

    /// False when the connection is to be closed.
    private static func send(_ answer: Answer, to connection: Int32) -> Bool {
        let body = Array(answer.body.utf8)
        let length = answer.isEndless ? 1 << 30 : body.count
        let head =
            "HTTP/1.1 \(answer.status) X\r\nContent-Type: \(answer.type)\r\nContent-Length: \(length)\r\n\r\n"
        let bytes = Array(head.utf8) + body.prefix(answer.cutAfter ?? body.count)
        let sent = bytes.withUnsafeBytes { Glibc.send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        return sent == bytes.count && answer.cutAfter == nil
    }
}
