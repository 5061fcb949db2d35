import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres

/// The archiver's one loop: who asks, what is ready, what has been done. Everything that touches the archive runs on
/// worker threads and comes back through the mailbox.
final class ArchiverLoop {
    let settings: ArchiveSettings
    let jobs: ArchiverJobs
    private let shipper: TailShipper?
    let gate = LeaseGate()
    let report: (ArchiverEvent) -> Void
    var schedule = PushSchedule()
    var reporter: StatusReporter
    var connections: [Int: ArchiverConnection] = [:]

    private let listener: UnixListener
    private var control: ControlInput
    private var lastConnection = 0
    private var nextScan = Instant(nanoseconds: 0)
    /// What becomes ready while nobody asks is seen at once. nil: there is no such directory yet.
    private var watch: StatusDirectoryWatch?
    /// When to ask whether the archive is ours; nil: asked, or known.
    private var nextClaim: Instant? = Instant(nanoseconds: 0)
    /// The timeline whose ancestors were looked through since the lease began.
    private var searched: TimelineID?
    /// The last failure in the log: the same is not told again at every attempt.
    var reportedFailure: String?

    /// The server is being stopped and waits for its archiver process, which is not to wait for an archive that stands still.
    private var leaving = false
    var lastArchivedAt: Instant?

    /// When to look next how far a foreign archive goes.
    var nextSurvey = Instant(nanoseconds: 0)

    private static let scanInterval = Duration.seconds(1)
    private static let claimInterval = Duration.seconds(5)
    private static let mostConnections = 64
    private static let requestPatience = Duration.seconds(5)
    /// For pushes in flight at the end; PID 1 is gone, and a hung archive must not keep us.
    private static let endPatience = Duration.seconds(10)

    init(
        _ settings: ArchiveSettings, control: Int32, status: Int32, report: @escaping (ArchiverEvent) -> Void
    ) throws {
        self.settings = settings
        self.report = report
        self.control = ControlInput(descriptor: control)
        reporter = StatusReporter(descriptor: status)
        let store = try settings.location.open(for: .wal)
        jobs = try ArchiverJobs(settings, store: store, gate: gate)
        let gate = gate
        shipper = try settings.tail.map { tail in
            try TailShipper(
                tail, dataDirectory: settings.dataDirectory, store: store, layout: settings.layout,
                codec: GzipCodec(level: settings.compressionLevel), gate: gate)
        }
        listener = try UnixListener(path: settings.socketPath)
    }

    func run() -> Int32 {
        shipper?.start()
        report(ArchiverEvent(.info, "archiver started: \(settings.location), server \(settings.server)"))
        while !control.ended { turn() }
        finish()
        return 0
    }

    /// Looks at everything once, then waits for news; for a second at most, which is fine enough for what is tried
    /// again.
    private func turn() {
        let now = BootClock.now()
        if now >= nextScan { scan(now) }
        if leavesArchive { for waiter in schedule.abandon() { answer(waiter, .leave) } }
        pushWhatIsNext(now)
        dropTheImpatient(now)
        var wake = nextScan
        reporter.note(jobs.traffic)
        reporter.status.tail = gate.isOpen ? shipper?.status(waiting: schedule.waitingCount) : nil
        if let due = reporter.tell(at: now) { wake = min(wake, due) }

        let sockets = Dictionary(connections.map { ($0.value.socket.rawValue, $0.key) }) { first, _ in first }
        // A negative one is never ready: whoever cannot be let in must not keep the loop awake.
        let door = connections.count < Self.mostConnections ? listener.rawValue : -1
        let hints = watch?.descriptor ?? -1
        let sources = [control.descriptor, door, hints, jobs.completions.wakeDescriptor] + sockets.keys
        for source in Poll.wait(sources, until: wake) {
            switch source {
            case control.descriptor: obey()
            case listener.rawValue: letIn()
            case hints: if watch?.hasNews(for: schedule) ?? false { nextScan = now }
            case jobs.completions.wakeDescriptor: for completion in jobs.completions.drain() { take(completion) }
            default: if let id = sockets[source] { serve(id) }
            }
        }
    }

    // MARK: PID 1

    private func obey() {
        for line in control.read() {
            let words = line.split(separator: " ")
            if (2...3).contains(words.count), words[0] == "lease", let deadline = UInt64(words[1]) {
                gate.feed(deadline: deadline)
                leaving = words.last == "leave"
            } else {
                report(ArchiverEvent(.warning, "unknown order: \(line.prefix(100))"))
            }
        }
    }

    var leavesArchive: Bool {
        leaving && (lastArchivedAt.map { BootClock.now() >= $0 + .seconds(1) } ?? true)
    }

    // MARK: Clients

    private func letIn() {
        while connections.count < Self.mostConnections, let socket = listener.accept() {
            lastConnection += 1
            let patience = BootClock.now() + Self.requestPatience
            connections[lastConnection] = ArchiverConnection(socket, patience: patience)
        }
    }

    private func serve(_ id: Int) {
        guard let connection = connections[id] else { return }
        switch connection.receive() {
        case .pending: break
        case .gone:
            schedule.left(id)
            jobs.abandonFetch(for: id)
            connections[id] = nil
        case .request(let line):
            do throws(ArchiveError) { try take(ArchiverRequest(line: line), from: id) } catch {
                answer(id, .failed(error))
            }
        }
    }

    private func dropTheImpatient(_ now: Instant) {
        connections = connections.filter { $0.value.hasAsked || now < $0.value.patience }
    }

    func answer(_ id: Int, _ reply: ArchiverReply) {
        connections.removeValue(forKey: id)?.answer(reply)
    }

    // MARK: What is ready

    func scan(_ now: Instant = BootClock.now()) {
        nextScan = now + Self.scanInterval
        if settings.isForeign { return survey(now) }
        let directory = settings.dataDirectory + "/pg_wal/archive_status"
        // No such directory, no files: it may not have been made yet, or be in the middle of a clone.
        let names = (try? Files.list(directory)) ?? []
        let files = ArchiveStatusFiles(names)
        if watch?.isFor(directory) != true { watch = StatusDirectoryWatch(directory) }
        schedule.scanned(files.ready)
        noteBacklog()
        if let failed = reporter.status.lastFailed, !files.ready.contains(where: { $0.description == failed }) {
            reporter.clearError()
        }
        jobs.rest(at: now)
        claim(now)
        lookForGaps(files)
    }

    func noteBacklog() {
        reporter.status.readyCount = schedule.waitingCount
        reporter.status.oldestReady = schedule.oldestWaiting?.description
    }

    /// Once a lease; an archive that refuses is asked again, so that the status tells of it while nothing is pushed.
    private func claim(_ now: Instant) {
        guard gate.isOpen else { return nextClaim = now }
        guard let due = nextClaim, due <= now else { return }
        nextClaim = nil
        jobs.claim()
    }

    func claimed(_ result: Result<SystemIdentifier?, ArchiveError>) {
        switch result {
        case .success(.some):
            if reporter.status.lastFailed == nil { reporter.clearError() }
        case .success(.none): nextClaim = BootClock.now() + Self.claimInterval
        case .failure(let error):
            nextClaim = BootClock.now() + Self.claimInterval
            guard error.kind != .noLease else { return }
            reporter.status.lastError = error.message
            tell(error, file: nil)
        }
    }

    /// A new timeline, or a new lease: the primary before us may have died before it archived all that we have of it.
    private func lookForGaps(_ files: ArchiveStatusFiles) {
        guard gate.isOpen else {
            searched = nil
            return
        }
        guard let timeline = files.newestTimeline, timeline != searched else { return }
        let path = settings.dataDirectory + "/pg_wal/" + WALFileName.history(timeline).description
        guard let content = try? Files.readText(path),
            let history = TimelineHistory(timeline: timeline, content: content),
            let control = try? ControlData.read(dataDirectory: settings.dataDirectory)
        else { return }
        searched = timeline
        schedule.suspected(files.archivable(behind: history, segmentSize: control.walSegmentSize))
    }

    /// Pushes in flight come to their end: they may be about to become visible.
    private func finish() {
        for waiter in schedule.abandon() {
            answer(waiter, .failed(ArchiveError(.unavailable, "the archiver is being stopped")))
        }
        let end = BootClock.now() + Self.endPatience
        while schedule.inFlightCount > 0, BootClock.now() < end {
            _ = Poll.wait([jobs.completions.wakeDescriptor], until: end)
            for completion in jobs.completions.drain() { take(completion) }
        }
        _ = reporter.tell(at: BootClock.now() + .seconds(1))
        shipper?.stop()
        jobs.stop()
        report(ArchiverEvent(.info, "archiver stopped"))
    }
}
