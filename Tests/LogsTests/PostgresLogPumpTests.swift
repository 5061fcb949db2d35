import ClusterModel
import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Logs

/// A pump on a thread of this process, with what it has written so far.
final class RunningPump: Sendable {
    let fifos: PostgresLogFIFOs
    private let directory: TemporaryDirectory
    private let lifeline: Mutex<Int32?>
    private let output: FileDescriptor
    private let bytes = Mutex<[UInt8]>([])
    private let status = Mutex<Int32?>(nil)

    /// - Parameter reading: false leaves the output unread until `read()`.
    init(patience: Duration = .seconds(1), reading: Bool = true) throws {
        directory = try TemporaryDirectory()
        fifos = try PostgresLogFIFOs(directory: directory.file("log"))
        for path in [directory.file("log"), fifos.json, fifos.plain] { try giveToPostgres(path) }
        let (input, output) = (try Pipe.makePipe(), try Pipe.makePipe())
        lifeline = Mutex(input.write)
        self.output = FileDescriptor(owning: output.read)
        let settings = Logs.PostgresLogPump.Settings(
            fifo: fifos.json, member: "pg-1", lifeline: input.read, output: output.write, patience: patience)
        try WorkerThread(name: "pump").submit { [weak self] in
            let code = Logs.PostgresLogPump.run(settings)
            close(input.read)
            close(output.write)
            self?.status.withLock { $0 = code }
        }
        if reading { try read() }
    }

    deinit { endLifeline() }

    /// The write end of its lifeline, as the server gets it for its standard error.
    var standardError: Int32? { lifeline.withLock { $0 } }

    func endLifeline() { if let descriptor = lifeline.withLock({ $0.take() }) { close(descriptor) } }

    /// nil while it runs.
    var exitCode: Int32? { status.withLock { $0 } }

    /// Begins to read its output.
    func read() throws {
        try WorkerThread(name: "pump-reader").submit { [weak self, descriptor = output.rawValue] in
            while true {
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                guard count > 0, let self else { return }
                self.bytes.withLock { $0 += buffer.prefix(count) }
            }
        }
    }

    /// The whole lines so far; throws when one is no JSON.
    func lines() throws -> [JSONLine] {
        let bytes = bytes.withLock { $0 }
        return try parse(bytes[...(bytes.lastIndex(of: 0x0a) ?? -1)])
    }

    func write(_ text: String, to path: String) throws {
        try FileDescriptor(opening: path, O_WRONLY).write(text.utf8)
    }
}

@Suite(.ownThread) struct PostgresLogPumpTests {
    @Test("records of all three inputs come out as our lines")
    func inputs() async throws {
        let pump = try RunningPump()
        try pump.write(#"{"error_severity":"LOG","message":"json"}"# + "\n", to: pump.fifos.json)
        try pump.write("archive_command says\n", to: pump.fifos.plain)
        let standardError = try #require(pump.standardError)
        _ = "FATAL:  cannot start\n\tat all\n".withCString { Glibc.write(standardError, $0, strlen($0)) }
        // The last is complete when nothing more comes.
        try await eventually("three lines") { try pump.lines().count == 3 }
        let lines = try pump.lines()
        #expect(
            Set(lines.compactMap { $0["msg"]?.text }) == ["json", "archive_command says", "cannot start\nat all"])
        #expect(lines.allSatisfy { $0["member"] == .text("pg-1") && $0["logger"] == .text("postgres") })
        #expect(lines.contains { $0["level"] == .text("critical") })
    }

    @Test("a message is completed by silence on its own input, whatever the others do")
    func silenceOfOne() async throws {
        let pump = try RunningPump()
        try pump.write("LOG:  lonely\n", to: pump.fifos.plain)
        let began = BootClock.now()
        try await eventually("the message is there") {
            try pump.write(#"{"error_severity":"LOG","message":"noise"}"# + "\n", to: pump.fifos.json)
            return try pump.lines().contains { $0["msg"] == .text("lonely") }
        }
        #expect(BootClock.now().since(began) < .seconds(5))
    }

    @Test("at the end of its lifeline it writes what was logged before, and ends with 0")
    func lifeline() async throws {
        let pump = try RunningPump()
        for number in 0..<200 {
            try pump.write(#"{"error_severity":"LOG","message":"\#(number)"}"# + "\n", to: pump.fifos.json)
        }
        try pump.write("LOG:  unfinished", to: pump.fifos.plain)
        pump.endLifeline()
        try await eventually("it ends") { pump.exitCode != nil }
        #expect(pump.exitCode == 0)
        try await eventually("all is read") { try pump.lines().count == 201 }
        let messages = try pump.lines().compactMap { $0["msg"]?.text }
        #expect(messages.filter { Int($0) != nil } == (0..<200).map(String.init))
        #expect(messages.contains("unfinished"))
    }

    @Test("without its FIFO it says so in a line, and ends with 69")
    func noFIFO() throws {
        let input = try Pipe()
        let output = try Pipe()
        let code = Logs.PostgresLogPump.run(
            Logs.PostgresLogPump.Settings(
                fifo: "/nowhere/postgres.json", member: "pg-1", lifeline: input.read.rawValue,
                output: output.write.rawValue))
        #expect(code == 69)
        let line = try #require(try parse(try output.read.read(upTo: 4096)).first)
        #expect(line["level"] == .text("error"))
        #expect(line["msg"]?.text?.contains("/nowhere/postgres.json") == true)
    }

    @Test("an output that nobody reads does not hold the server up for good, and the loss is told")
    func stuckOutput() async throws {
        let pump = try RunningPump(patience: .milliseconds(300), reading: false)
        let message = String(repeating: "x", count: 1000)
        let done = Mutex(false)
        // More than pipe, writer and FIFO can hold.
        try WorkerThread(name: "collector").submit {
            for _ in 0..<5000 {
                try? pump.write(#"{"error_severity":"LOG","message":"\#(message)"}"# + "\n", to: pump.fifos.json)
            }
            done.withLock { $0 = true }
        }
        try await eventually("everything was taken from the server", within: .seconds(20)) { done.withLock { $0 } }
        try pump.read()
        try await eventually("the loss is told") { try pump.lines().contains { $0["dropped"] != nil } }
        let lines = try pump.lines()
        let dropped = lines.reduce(0.0) { sum, line in
            if case .number(let count) = line["dropped"] { sum + count } else { sum }
        }
        #expect(dropped > 1000)
        #expect(lines.contains { $0["level"] == .text("warning") && $0["logger"] == .text("pgmahout.log") })
        // And it goes on as if nothing had been.
        try pump.write(#"{"error_severity":"LOG","message":"afterwards"}"# + "\n", to: pump.fifos.json)
        try await eventually("later messages come through") {
            try pump.lines().contains { $0["msg"] == .text("afterwards") }
        }
    }

    @Test("a log file in the place of a FIFO is replaced; a FIFO that is there is kept")
    func leftovers() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectory(directory.file("log"))
        try Files.writeDurably("old log\n".utf8, to: directory.file("log/postgres.json"))
        let first = try PostgresLogFIFOs(directory: directory.file("log"))
        let writer = try FileDescriptor(opening: first.json, O_WRONLY | O_NONBLOCK)
        try writer.write("kept\n".utf8)
        let second = try PostgresLogFIFOs(directory: directory.file("log"))
        let reader = try FileDescriptor(opening: second.json, O_RDONLY | O_NONBLOCK)
        #expect(try reader.read(upTo: 100) == Array("kept\n".utf8))
    }
}
