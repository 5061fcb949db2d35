import Glibc

/// Lines from PID 1, and the news that it is gone.
struct ControlInput {
    let descriptor: Int32
    private(set) var ended = false
    private var rest: [UInt8] = []

    private static let longestLine = 4096

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// The lines that are complete, after the descriptor became readable.
    mutating func read() -> [String] {
        var buffer = [UInt8](repeating: 0, count: Self.longestLine)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count < 0, errno == EINTR || errno == EAGAIN { return [] }
        guard count > 0, rest.count < Self.longestLine else {
            ended = true
            return []
        }
        rest += buffer[..<count]
        var lines = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        rest = Array(lines.removeLast())
        return lines.map { String(decoding: $0, as: UTF8.self) }
    }
}
