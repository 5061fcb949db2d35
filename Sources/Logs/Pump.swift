import ClusterModel
import Glibc
import Platform

/// The three inputs of a log pump and its output. Of one thread.
final class Pump {
    private let settings: Logs.PostgresLogPump.Settings
    private let json: FileDescriptor
    private let plain: FileDescriptor
    private let writer: LineWriter
    private var jsonLines = LineSplitter()
    private var plainInput: PlainInput
    private var standardErrorInput: PlainInput
    /// Nobody reads the output: the server is not kept waiting any longer.
    private var outputIsStuck = false

    init(_ settings: Logs.PostgresLogPump.Settings) throws(SystemError) {
        self.settings = settings
        json = try PostgresLogFIFOs.open(settings.fifo)
        let directory = settings.fifo.lastIndex(of: "/").map { String(settings.fifo[...$0]) } ?? ""
        plain = try PostgresLogFIFOs.open(directory + PostgresLogFIFOs.plainName)
        writer = try Logs.writer(descriptor: settings.output, format: settings.format, member: settings.member)
        plainInput = PlainInput(member: settings.member)
        standardErrorInput = PlainInput(member: settings.member)
    }

    /// Until the lifeline has ended and the rest is written.
    func run() {
        /// nil while the lifeline holds; then when it is over at the latest.
        var end: Instant?
        while true {
            let now = BootClock.now()
            emit(plainInput.due(now) + standardErrorInput.due(now))
            var deadline = [plainInput.deadline, standardErrorInput.deadline].compactMap(\.self).min()
            // The collector ends after everybody else, and what it wrote is still to come.
            if let end { deadline = min(end, now + Self.farewell) }
            let ready = Poll.wait(
                [json.rawValue, plain.rawValue, end == nil ? settings.lifeline : -1], until: deadline)
            if let end, ready.isEmpty || now >= end { return finish() }
            if ready.contains(json.rawValue) { readJSON() }
            if ready.contains(plain.rawValue), let bytes = try? plain.read(upTo: Self.readSize) {
                emit(plainInput.append(bytes))
            }
            if end == nil, ready.contains(settings.lifeline), !readStandardError() { end = now + Self.longestFarewell }
        }
    }

    private func readJSON() {
        guard let bytes = try? json.read(upTo: Self.readSize) else { return }
        var records: [LogRecord] = []
        let member = settings.member
        jsonLines.append(bytes) { records.append(PostgresRecord.record(jsonLine: $0, member: member)) }
        emit(records)
    }

    /// False at the end.
    private func readStandardError() -> Bool {
        var bytes = [UInt8](repeating: 0, count: Self.readSize)
        let count = read(settings.lifeline, &bytes, bytes.count)
        if count < 0 { return errno == EINTR || errno == EAGAIN }
        emit(standardErrorInput.append(Array(bytes.prefix(count))))
        return count > 0
    }

    private func emit(_ records: [LogRecord]) {
        for record in records {
            let lines = settings.format.lines(of: record)
            if writer.write(lines, dropping: outputIsStuck) {
                outputIsStuck = false
            } else if !outputIsStuck {
                outputIsStuck = !writer.waitForRoom(until: BootClock.now() + settings.patience)
                writer.write(lines)
            }
        }
    }

    private func finish() {
        var records: [LogRecord] = []
        let member = settings.member
        jsonLines.finish { records.append(PostgresRecord.record(jsonLine: $0, member: member)) }
        emit(records + plainInput.finish() + standardErrorInput.finish())
        writer.flush(until: BootClock.now() + .seconds(2))
    }

    private static let readSize = 64 << 10
    private static let farewell = Duration.milliseconds(300)
    private static let longestFarewell = Duration.seconds(10)
}

/// A stream of plain lines, with what is half-read of it.
private struct PlainInput {
    private var lines = LineSplitter()
    private var log: PlainServerLog
    private var lastInput = Instant(nanoseconds: 0)

    init(member: String) { log = PlainServerLog(member: member) }

    mutating func append(_ bytes: [UInt8]) -> [LogRecord] {
        var records: [LogRecord] = []
        lastInput = BootClock.now()
        lines.append(bytes) { records += log.append($0) }
        return records
    }

    /// When a record that might go on counts as complete; nil when there is none.
    var deadline: Instant? { log.isPending ? lastInput + Self.silence : nil }

    /// The record whose deadline has come.
    mutating func due(_ now: Instant) -> [LogRecord] {
        guard let deadline, now >= deadline else { return [] }
        return log.finish()
    }

    mutating func finish() -> [LogRecord] {
        var records: [LogRecord] = []
        lines.finish { records += log.append($0) }
        return records + log.finish()
    }

    private static let silence = Duration.milliseconds(100)
}
