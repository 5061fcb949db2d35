import ClusterModel
import Glibc
import Logging
import Platform

/// A resident worker beside postgres (archiver, log): started again when it ends, ended with its lifeline.
struct WorkerKeeper {
    enum Kind: String, Sendable {
        case archiver, logs
        /// Reads the archive of the cluster that is followed.
        case foreignArchive = "foreign-archive"
    }

    let kind: Kind
    private let command: Command
    private let registry: ChildRegistry
    private let mailbox: Mailbox<Message>
    private(set) var process: ProcessID?
    /// The worker's standard input: orders, and a lifeline whose end ends it.
    private(set) var input: Int32 = -1
    /// What it says on standard output, when that is for PID 1.
    private(set) var output: Int32 = -1
    private var startedAt: Instant?
    private var failures = 0
    private var retryAt: Instant?
    var wanted = false
    private var partial: [UInt8] = []
    private var lastOrder = ""

    init(kind: Kind, command: Command, registry: ChildRegistry, mailbox: Mailbox<Message>) {
        self.kind = kind
        self.command = command
        self.registry = registry
        self.mailbox = mailbox
    }

    mutating func keep(now: Instant, log: Logger) {
        guard wanted, process == nil, now >= retryAt ?? now else { return }
        do {
            try start(now)
        } catch {
            log.error("cannot start the worker", metadata: ["worker": "\(kind.rawValue)", "error": "\(error)"])
            postpone(now)
        }
    }

    private mutating func start(_ now: Instant) throws(SystemError) {
        let lifeline = try Pipe.makePipe()
        var command = command
        command.input = .descriptor(lifeline.read)
        var reports: (read: Int32, write: Int32)?
        if kind != .logs {
            reports = try? Pipe.makePipe()
            if let reports { command.output = .descriptor(reports.write) }
        }
        defer {
            Glibc.close(lifeline.read)
            if let reports { Glibc.close(reports.write) }
        }
        let mailbox = mailbox
        let kind = kind
        do {
            process = try registry.spawn(command) { process, status in
                _ = mailbox.post(.workerEnded(kind, process, status))
            }
        } catch {
            Glibc.close(lifeline.write)
            if let reports { Glibc.close(reports.read) }
            throw error
        }
        closeDescriptors()
        for descriptor in [lifeline.write, reports?.read ?? -1] where descriptor >= 0 {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        input = lifeline.write
        output = reports?.read ?? -1
        partial = []
        lastOrder = ""
        startedAt = now
    }

    /// - Returns: whether it was the present one.
    mutating func ended(_ ended: ProcessID, now: Instant) -> Bool {
        guard ended == process else { return false }
        process = nil
        if let startedAt, now.since(startedAt) > .seconds(30) { failures = 0 }
        postpone(now)
        closeDescriptors()
        return true
    }

    private mutating func postpone(_ now: Instant) {
        failures += 1
        retryAt = now + min(.milliseconds(100) * (1 << min(failures, 7)), .seconds(10))
    }

    /// Says it once. An order that does not fit into the pipe is said again the next time.
    mutating func order(_ line: String) {
        guard input >= 0, line != lastOrder else { return }
        var bytes = Array((line + "\n").utf8)
        if write(input, &bytes, bytes.count) == bytes.count { lastOrder = line }
    }

    /// Whole lines that it has written since; bounded.
    mutating func lines() -> [[UInt8]] {
        guard output >= 0 else { return [] }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        let count = read(output, &buffer, buffer.count)
        guard count > 0 else {
            if count == 0 || (errno != EAGAIN && errno != EINTR) {
                Glibc.close(output)
                output = -1
            }
            return []
        }
        partial += buffer[..<count]
        var lines = partial.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
        partial = lines.removeLast()
        if partial.count > 64 << 10 { partial = [] }
        return lines
    }

    /// Lets it finish what is in flight.
    mutating func end() {
        wanted = false
        if input >= 0 { Glibc.close(input) }
        input = -1
    }

    func kill() {
        if let process { registry.signalGroup(process, SIGKILL) }
    }

    private mutating func closeDescriptors() {
        if input >= 0 { Glibc.close(input) }
        if output >= 0 { Glibc.close(output) }
        input = -1
        output = -1
    }
}
