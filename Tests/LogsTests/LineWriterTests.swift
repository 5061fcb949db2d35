import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Logs

@Suite(.ownThread) struct LineWriterTests {
    private func line(_ number: Int, size: Int = 100) -> [UInt8] {
        let text = "\(number) "
        return Array((text + String(repeating: "x", count: size - text.utf8.count - 1) + "\n").utf8)
    }

    private func readAvailable(_ pipe: borrowing FileDescriptor) throws -> [String] {
        var bytes: [UInt8] = []
        while !Poll.wait([pipe.rawValue], until: BootClock.now() + .milliseconds(200)).isEmpty {
            let part = try pipe.read(upTo: 1 << 20)
            if part.isEmpty { break }
            bytes += part
        }
        return bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Leaves no room in a pipe, so that the next write to it waits.
    private func fill(_ pipe: borrowing FileDescriptor) throws {
        let flags = fcntl(pipe.rawValue, F_GETFL)
        _ = fcntl(pipe.rawValue, F_SETFL, flags | O_NONBLOCK)
        #expect { try pipe.write([UInt8](repeating: 0x0a, count: 1 << 20)) } throws: {
            ($0 as? SystemError)?.wouldBlock == true
        }
        _ = fcntl(pipe.rawValue, F_SETFL, flags)
    }

    private func number(_ line: String) -> Int? { line.split(separator: " ").first.flatMap { Int($0) } }

    @Test("lines come out whole and in order")
    func order() throws {
        let pipe = try Pipe()
        let writer = try LineWriter(descriptor: pipe.write.rawValue) { _ in [] }
        for number in 0..<500 { #expect(writer.write([line(number)])) }
        #expect(writer.flush(until: BootClock.now() + .seconds(10)))
        #expect(try readAvailable(pipe.read).map(number) == Array(0..<500))
    }

    @Test("while nobody reads, writing never waits; what has no room is dropped, and counted once there is room again")
    func fullPipe() throws {
        let pipe = try Pipe()
        let writer = try LineWriter(descriptor: pipe.write.rawValue, capacity: 100_000) {
            [Array("dropped \($0)\n".utf8)]
        }
        let began = BootClock.now()
        let accepted = (0..<5000).count { writer.write([line($0)]) }
        #expect(BootClock.now().since(began) < .seconds(5))
        // A pipe holds 64 KiB, and the writer 100 KB.
        #expect(accepted >= 1000 && accepted <= 1800, "\(accepted)")
        #expect(!writer.flush(until: BootClock.now() + .milliseconds(50)))
        #expect(!writer.write([line(0)], dropping: false))

        let lines = try readAvailable(pipe.read)
        let notices = lines.filter { $0.hasPrefix("dropped") }
        #expect(notices.compactMap { Int($0.dropFirst("dropped ".count)) }.reduce(0, +) == 5000 - accepted)
        #expect(lines.count - notices.count == accepted)
        #expect(writer.flush(until: BootClock.now() + .seconds(10)))
        #expect(writer.write([line(1)]))
    }

    @Test("who waits for room gets it when the reader goes on, and not before")
    func room() throws {
        let pipe = try Pipe()
        try fill(pipe.write)
        let writer = try LineWriter(descriptor: pipe.write.rawValue, capacity: 100_000) { _ in [] }
        while writer.write([line(0)], dropping: false) {}
        #expect(!writer.waitForRoom(until: BootClock.now() + .milliseconds(50)))
        // What the pipe takes next leaves less than half of the capacity.
        _ = try pipe.read.read(upTo: 64 << 10)
        #expect(writer.waitForRoom(until: BootClock.now() + .seconds(10)))
        #expect(writer.write([line(1)]))
        _ = try readAvailable(pipe.read)
    }

    @Test("an output that another process made non-blocking is waited for by the thread alone")
    func nonBlocking() throws {
        let pipe = try Pipe()
        _ = fcntl(pipe.write.rawValue, F_SETFL, O_NONBLOCK)
        let writer = try LineWriter(descriptor: pipe.write.rawValue) { _ in [] }
        for number in 0..<3000 { #expect(writer.write([line(number)])) }
        #expect(try readAvailable(pipe.read).map(number) == Array(0..<3000))
    }

    @Test("an output that is gone is no reason to stop")
    func brokenPipe() throws {
        Signals.ignore(SIGPIPE)
        let ends = try Pipe.makePipe()
        let write = FileDescriptor(owning: ends.write)
        close(ends.read)
        let writer = try LineWriter(descriptor: write.rawValue, capacity: 10_000) { _ in [] }
        for number in 0..<1000 {
            writer.write([line(number)])
            #expect(writer.flush(until: BootClock.now() + .seconds(10)))
        }
    }
}
