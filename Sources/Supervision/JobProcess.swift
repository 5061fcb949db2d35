import ClusterModel
import FoundationEssentials
import Glibc
import Platform

/// A worker that does one job, and what it says of it. Ends with PID 1: the kernel sees to that.
struct JobProcess {
    private(set) var report: JobReport
    /// nil: it has ended.
    private(set) var process: ProcessID?
    private var output: Int32
    private var partial: [UInt8] = []
    private var killed: (outcome: FinishedJob.Outcome, reason: String)?
    /// The last whole line, for workers that say something else than progress.
    private(set) var lastLine: [UInt8] = []
    private let registry: ChildRegistry

    private static let lineLimit = 64 << 10

    /// A job that ended before it began.
    init(_ report: JobReport, _ registry: ChildRegistry) {
        self.report = report
        self.registry = registry
        output = -1
    }

    /// Starts it. To be called from the thread of the loop, whose end ends the worker.
    init(
        id: String, kind: JobKind, _ command: Command, guardian: String, _ registry: ChildRegistry,
        _ mailbox: Mailbox<Message>
    ) throws(SystemError) {
        let pipe = try Pipe.makePipe()
        defer { Glibc.close(pipe.write) }
        var command = command.tied(by: guardian)
        command.output = .descriptor(pipe.write)
        do {
            process = try registry.spawn(command) { process, status in
                _ = mailbox.post(.jobEnded(process, status))
            }
        } catch {
            Glibc.close(pipe.read)
            throw error
        }
        _ = fcntl(pipe.read, F_SETFL, O_NONBLOCK)
        output = pipe.read
        report = JobReport(id: id, kind: kind)
        self.registry = registry
    }

    var isRunning: Bool { process != nil }

    /// Takes in what it has written since; bounded.
    mutating func listen() {
        guard output >= 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        for _ in 0..<8 {
            let count = read(output, &buffer, buffer.count)
            guard count > 0 else { return }
            partial += buffer[..<count]
            var lines = partial.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
            partial = lines.removeLast()
            if partial.count > Self.lineLimit { partial = [] }
            for line in lines { take(line) }
        }
    }

    private mutating func take(_ bytes: [UInt8]) {
        lastLine = bytes
        guard let line = try? JSONDecoder().decode(JobLine.self, from: Data(bytes)) else { return }
        if let phase = line.phase {
            report.phase = String(phase.prefix(80))
            (report.bytesPerSecond, report.secondsLeft) = (line.bytesPerSecond, line.secondsLeft)
        }
        report.bytesDone = line.bytesDone ?? report.bytesDone
        report.bytesTotal = line.bytesTotal ?? report.bytesTotal
        if let message = line.message { report.message = String(message.prefix(FinishedJob.messageLimit)) }
    }

    mutating func ended(_ ended: ProcessID, _ status: ExitStatus) {
        guard ended == process else { return }
        listen()
        process = nil
        Glibc.close(output)
        output = -1
        if status.isSuccess {
            report.outcome = .succeeded
        } else if let killed {
            report.outcome = killed.outcome
            report.message = killed.reason
        } else {
            report.outcome = .failed
            if report.message.isEmpty { report.message = "the worker ended: \(status)" }
        }
    }

    mutating func end(_ outcome: FinishedJob.Outcome, _ reason: String) {
        guard killed == nil else { return }
        killed = (outcome, reason)
        kill()
    }

    func kill() {
        if let process { registry.signalGroup(process, SIGKILL) }
    }
}
