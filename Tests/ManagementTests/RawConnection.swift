import Glibc

/// A TCP connection on which a test says exactly what it wants. Reads end after ten seconds.
final class RawConnection {
    struct Response {
        var status: Int
        var headers: [String: String]
        var body: String
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let descriptor: Int32
    private var received: [UInt8] = []

    init(port: Int, address: String = "127.0.0.1", receiveBuffer: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var peer = sockaddr_in()
        peer.sin_family = sa_family_t(AF_INET)
        peer.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, address, &peer.sin_addr)
        let result = withUnsafePointer(to: &peer) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw Failure(description: "cannot connect: \(String(cString: strerror(code)))")
        }
    }

    deinit { Glibc.close(descriptor) }

    func send(_ text: String) throws {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(description: "cannot send: \(String(cString: strerror(errno)))") }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Sends the text up to a hundred times, as much of it as the peer takes without delay; returns the bytes.
    func sendUntilFull(_ text: String) -> Int {
        let bytes = Array(text.utf8)
        var total = 0
        for _ in 0..<100 {
            let count = Glibc.send(
                descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            if count > 0 { total += count } else { usleep(1000) }
        }
        return total
    }

    /// The response to one request.
    func response(toHead: Bool = false) throws -> Response {
        var end = 0
        while true {
            if let found = headerEnd() {
                end = found
                break
            }
            guard try fill() else { throw Failure(description: "closed before a response: '\(text(received[...]))'") }
        }
        let lines = text(received[..<end]).components("\r\n")
        received.removeFirst(end + 4)
        let first = lines[0].split(separator: " ")
        guard first.count > 1, let status = Int(first[1]) else { throw Failure(description: "no status: \(lines[0])") }
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let name = line.prefix { $0 != ":" }
            headers[name.lowercased()] = String(line.dropFirst(name.count + 2))
        }
        let length = toHead ? 0 : Int(headers["content-length"] ?? "0") ?? 0
        while received.count < length {
            guard try fill() else { throw Failure(description: "closed within a body") }
        }
        let body = text(received[..<length])
        received.removeFirst(length)
        return Response(status: status, headers: headers, body: body)
    }

    /// Whether the peer has closed in good order, or does before anything else comes.
    func isClosed() throws -> Bool { try received.isEmpty && !fill() }

    /// false when the peer has closed.
    private func fill() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { received += buffer[..<count] }
        if count < 0 {
            throw Failure(description: "no answer: \(String(cString: strerror(errno)))")
        }
        return count > 0
    }

    private func headerEnd() -> Int? {
        let pattern = Array("\r\n\r\n".utf8)
        guard received.count >= 4 else { return nil }
        return (0...(received.count - 4)).first { Array(received[$0..<($0 + 4)]) == pattern }
    }

    private func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}

extension String {
    fileprivate func components(_ separator: String) -> [String] {
        replacing(separator, with: "\u{0}").split(separator: "\u{0}").map(String.init)
    }
}
