import Glibc
import Platform
import Synchronization

/// A server of few words on loopback: a thread for each connection, and an answer, or none, by the request's path.
final class SmallServer: Sendable {
    struct Received: Sendable {
        var line = ""
        var headers: [String: String] = [:]
        var body: [UInt8] = []
    }

    private struct State {
        var connections = 0
        var open: Set<Int32> = []
        var inProgress = 0
        var mostInProgress = 0
        var received: [Received] = []
        var stopped = false
    }

    let port: Int
    private let state = Mutex(State())
    private let listener: FileDescriptor

    var url: String { "http://127.0.0.1:\(port)" }
    /// Connections accepted so far.
    var connections: Int { state.withLock { $0.connections } }
    /// Connections that are not closed yet.
    var open: Int { state.withLock { $0.open.count } }
    /// Requests that were being answered, or left unanswered, at the same time.
    var mostInProgress: Int { state.withLock { $0.mostInProgress } }
    var inProgress: Int { state.withLock { $0.inProgress } }
    var received: [Received] { state.withLock { $0.received } }

    init() throws {
        var port = 0
        listener = try listen(&port)
        self.port = port
        let descriptor = listener.rawValue
        try WorkerThread(name: "server").submit { [weak self] in Self.accept(descriptor) { self } }
    }

    deinit { stop() }

    /// Breaks all connections and takes no more.
    func stop() {
        shutdown(listener.rawValue, Int32(SHUT_RDWR))
        state.withLock { state in
            state.stopped = true
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
    }

    // MARK: -

    private static func accept(_ listener: Int32, _ server: () -> SmallServer?) {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { return }
            guard let server = server() else {
                close(descriptor)
                return
            }
            server.state.withLock { state in
                state.connections += 1
                state.open.insert(descriptor)
                // Whoever comes after stop() is shut out at once.
                if state.stopped { shutdown(descriptor, Int32(SHUT_RDWR)) }
            }
            // The connection ends before the server does: deinit breaks it only when nobody else holds the server.
            _ = try? WorkerThread(name: "connection").submit { [weak server] in
                Self.serve(descriptor) { server }
                guard let server else {
                    close(descriptor)
                    return
                }
                // Under the lock: stop() must not shut down whoever gets the number next.
                server.state.withLock { state in
                    close(descriptor)
                    state.open.remove(descriptor)
                }
            }
        }
    }

    private static func serve(_ descriptor: Int32, _ server: () -> SmallServer?) {
        var input: [UInt8] = []
        while let request = next(descriptor, &input) {
            server()?.state.withLock { state in
                state.received.append(request)
                state.inProgress += 1
                state.mostInProgress = max(state.mostInProgress, state.inProgress)
            }
            let goesOn = answer(request, on: descriptor)
            server()?.state.withLock { $0.inProgress -= 1 }
            guard goesOn else { return }
        }
    }

    /// The next whole request; nil at the end of the connection.
    private static func next(_ descriptor: Int32, _ input: inout [UInt8]) -> Received? {
        var head: (request: Received, size: Int, length: Int)?
        while true {
            if head == nil, let end = input.firstRange(of: Array("\r\n\r\n".utf8)) {
                let lines = String(decoding: input[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
                var request = Received(line: String(lines.first ?? ""))
                for line in lines.dropFirst() {
                    let parts = line.split(separator: ":", maxSplits: 1)
                    request.headers[parts[0].lowercased()] = parts.count > 1 ? String(parts[1].dropFirst()) : ""
                }
                head = (request, end.upperBound, Int(request.headers["content-length"] ?? "") ?? 0)
            }
            if let (request, size, length) = head, input.count >= size + length {
                defer { input.removeFirst(size + length) }
                return Received(
                    line: request.line, headers: request.headers, body: Array(input[size..<(size + length)]))
            }
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            input += buffer.prefix(count)
            // The beginning of a TLS handshake: as HTTP servers do that were not asked to speak it.
            if input.first == 0x16 {
                _ = send(descriptor, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
                return nil
            }
        }
    }

    /// False when the connection is to be closed.
    private static func answer(_ request: Received, on descriptor: Int32) -> Bool {
        let parts = request.line.split(separator: " ")
        guard parts.count == 3 else { return false }
        let path = parts[1].split(separator: "/")
        let number = path.count > 1 ? Int(path[1]) ?? 0 : 0
        switch path.first {
        case "silent":
            // Until the client goes away.
            var byte: UInt8 = 0
            while recv(descriptor, &byte, 1, 0) > 0 {}
            return false
        case "late":
            usleep(UInt32(number) * 1000)
            return send(descriptor, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        case "large":
            return send(
                descriptor,
                "HTTP/1.1 200 OK\r\nContent-Length: \(number)\r\n\r\n"
                    + (parts[0] == "HEAD" ? "" : String(repeating: "x", count: number)))
        case "stream":
            guard send(descriptor, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n") else { return false }
            _ = send(descriptor, String(repeating: "x", count: number))
            return false
        case "trickle":
            guard
                send(
                    descriptor,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Trickle: \(number)\r\n\r\n")
            else { return false }
            for piece in 1...max(1, number) {
                usleep(30_000)
                let text = "piece \(piece)\n"
                guard send(descriptor, "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n") else { return false }
            }
            if path.last == "stuck" {
                var byte: UInt8 = 0
                while recv(descriptor, &byte, 1, 0) > 0 {}
                return false
            }
            return send(descriptor, "0\r\n\r\n")
        case "headers":
            let line = "X-Filler: " + String(repeating: "x", count: 1000) + "\r\n"
            return send(
                descriptor, "HTTP/1.1 200 OK\r\n" + String(repeating: line, count: number) + "Content-Length: 0\r\n\r\n"
            )
        case "interim":
            return send(
                descriptor,
                "HTTP/1.1 103 Early Hints\r\nX-Early: yes\r\n\r\n"
                    + "HTTP/1.1 200 OK\r\nX-Late:  yes \r\nVary: a\r\nVary: b\r\nContent-Length: 2\r\n\r\nok")
        case "garbage":
            _ = send(descriptor, "SSH-2.0-OpenSSH_9.2\r\n")
            return false
        case "drop": return false
        case "half":
            _ = send(descriptor, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            return false
        case "once":
            // Closes without having said so.
            _ = send(descriptor, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            return false
        case "redirect":
            return send(descriptor, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n")
        case "status":
            return send(descriptor, "HTTP/1.1 \(number) Whatever\r\nContent-Length: 2\r\n\r\nno")
        default: return send(descriptor, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        }
    }

    private static func send(_ descriptor: Int32, _ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { part in
                Glibc.send(descriptor, part.baseAddress, part.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}

/// A server that takes connections and never reads from them.
final class DeafServer: Sendable {
    let port: Int
    private let listener: FileDescriptor

    var url: String { "http://127.0.0.1:\(port)/" }

    init() throws {
        var port = 0
        listener = try listen(&port)
        self.port = port
    }
}

/// On a free port of loopback, which it says.
private func listen(_ port: inout Int) throws -> FileDescriptor {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError("make a socket") }
    let listener = FileDescriptor(owning: descriptor)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutableBytes(of: &address) { bytes in
        bytes.withMemoryRebound(to: sockaddr.self) { address in
            guard bind(descriptor, address.baseAddress, size) == 0, Glibc.listen(descriptor, 128) == 0 else {
                return -1
            }
            return Int(getsockname(descriptor, address.baseAddress, &size))
        }
    }
    guard result == 0 else { throw SystemError("listen") }
    port = Int(UInt16(bigEndian: address.sin_port))
    return listener
}
