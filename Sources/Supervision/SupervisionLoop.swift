import ClusterModel
import Configuration
import Glibc
import Leadership
import LeaseStores
import Logging
import Management
import Metrics
import Platform
import Postgres

/// PID 1's loop: the only place where anything is decided, on the main thread. It waits for signals and messages, and
/// for nothing else: whatever can block runs on another thread or in another process and reports back.
final class SupervisionLoop {
    var loaded: LoadedConfiguration
    let configurationPath: String
    let environment: [String: String]
    let log: Logger
    let mailbox: Mailbox<Message>
    let registry = ChildRegistry()
    let signals: Int32
    let lease: LeaseKeeper
    let probe: LocalProbe
    let peers: PeerPoller
    let disk: WorkerThread
    /// SQL that may take long, or that goes to another member.
    let remote: WorkerThread
    let metrics: MemberMetrics
    let published: Published
    let token: TokenFile?
    let tools: Tools
    let major: Int
    var guardian: GuardKeeper
    var workers: [WorkerKeeper.Kind: WorkerKeeper] = [:]

    var observation: Observation
    var memory = Memory()
    var decision: Decision
    var postgres: PostgresProcess?
    var runs = 0
    var report: LocalReport?
    var reportedAt: Instant?
    /// The upstream that the configuration files name, and how to reach it as they have it.
    var upstream: (name: MemberName, address: ConnectionInfo?)?

    /// The operation under way, as `observation.operation`, and its number.
    var operationNumber = 0
    var operationStartedAt: Instant?
    /// The program that the present step waits for.
    var tool: (process: ProcessID, step: OperationStep)?
    /// The upstream's address as the step that writes the files was given it.
    var startAddress: ConnectionInfo?
    var inspecting = false
    var inspectAgain = false
    /// An operation that has changed the data directory ends once that was looked at again; the error it ends with.
    var settling: (isSettling: Bool, error: String?) = (false, nil)

    var uncertain: (write: StoreWrite, sentAt: Instant)?
    var switchoverReplies: [(request: SwitchoverRequest, reply: @Sendable (SwitchoverAnswer) -> Void, attempts: Int)] =
        []
    var reading = false
    var readAgain = false
    var nextReadAt: Instant
    var probing = false
    var nextProbeAt: Instant
    var nextSlotsAt: Instant
    var nextPeersAt: Instant
    var nextTokenAt = BootClock.now()
    /// Once, when the start is well over.
    var releaseTextAt: Instant? = BootClock.now() + .seconds(15)
    var fetchingHistory = false
    /// The configuration changed after the files of a server that starts were written.
    var reloadWhenItAnswers = false
    var archiveStatus: ArchiveStatus?
    var exit: (code: Int32, reason: String)?
    var everReady = false

    init(_ parts: Parts) throws(SystemError) {
        loaded = parts.loaded
        configurationPath = parts.configurationPath
        environment = parts.environment
        log = parts.log
        mailbox = parts.mailbox
        signals = parts.signals
        metrics = parts.metrics
        token = parts.token
        tools = parts.tools
        major = parts.major
        lease = try LeaseKeeper(store: parts.store, mailbox: parts.mailbox)
        probe = try LocalProbe(mailbox: parts.mailbox)
        peers = PeerPoller(mailbox: parts.mailbox)
        disk = try WorkerThread(name: "disk", capacity: 32)
        remote = try WorkerThread(name: "remote-sql", capacity: 16)
        guardian = GuardKeeper(path: parts.loaded.programs.guardian, registry: registry, mailbox: parts.mailbox)
        let now = BootClock.now()
        let me = parts.loaded.member(bootID: parts.bootID)
        observation = Observation(
            me: me, cluster: parts.loaded.configuration.cluster, settings: parts.loaded.leadership)
        decision = Decision(wakeAt: now)
        nextReadAt = now
        nextProbeAt = now
        nextSlotsAt = now
        nextPeersAt = now
        published = Published(
            ManagementSnapshot(
                status: MemberStatus(
                    cluster: parts.loaded.configuration.cluster, name: me.name, incarnation: me.incarnation,
                    version: ProductVersion.current),
                cluster: ClusterStatus(cluster: parts.loaded.configuration.cluster), loopHeartbeat: now))
    }

    /// What is made before the loop.
    struct Parts {
        let loaded: LoadedConfiguration
        let configurationPath: String
        let environment: [String: String]
        let log: Logger
        let mailbox: Mailbox<Message>
        let signals: Int32
        let store: any LeaseStore
        let metrics: MemberMetrics
        let token: TokenFile?
        let tools: Tools
        let major: Int
        let bootID: String
    }

    /// Runs until PID 1 is done.
    func run() -> Int32 {
        inspect()
        prepareWorkers()
        while true {
            let now = BootClock.now()
            tick(now)
            evaluate()
            publish()
            if let exit, endPostgresFirst() {
                leave(exit.reason)
                return exit.code
            }
            wait()
        }
    }

    private func wait() {
        var descriptors = [signals, mailbox.wakeDescriptor]
        if let output = workers[.archiver]?.output, output >= 0 { descriptors.append(output) }
        let ready = Poll.wait(descriptors, until: wakeAt)
        if ready.contains(signals) { handleSignals() }
        // Also without a signal: one that came twice is delivered once.
        registry.reap()
        for message in mailbox.drain() { handle(message) }
        takeArchiverReports()
    }

    private var wakeAt: Instant {
        var next = min(decision.wakeAt, min(nextReadAt, nextPeersAt))
        if postgres != nil { next = min(next, nextProbeAt) }
        if let stop = postgres?.stop { next = min(next, stop.nextAt) }
        return next
    }

    private func handleSignals() {
        for signal in Signals.pending(signals) {
            switch signal {
            case SIGTERM, SIGINT:
                observation.shutdownRequests += 1
                log.notice(
                    "asked to stop",
                    metadata: ["signal": "\(signal)", "requests": "\(observation.shutdownRequests)"])
                if observation.shutdownRequests > 1 { hurry() }
            case SIGHUP: reload()
            default: break
            }
        }
    }

    /// What is due by time alone.
    private func tick(_ now: Instant) {
        do {
            try guardian.keep(now: now)
        } catch {
            log.critical("cannot start the guard", metadata: ["error": "\(error)"])
        }
        for kind in workers.keys { workers[kind]?.keep(now: now, log: log) }
        escalate(now)
        // What is nearly due goes along, so that an idle manager wakes up once in a period and not once for each.
        let soon = now + observation.settings.renewEvery / 5
        if now >= nextReadAt { readStore(now) }
        if now >= nextProbeAt || (soon >= nextProbeAt && now >= nextPeersAt) { lookAtPostgres(now) }
        if now >= nextPeersAt {
            nextPeersAt = now + observation.settings.renewEvery * 2
            askPeers(Array((observation.store.record?.members ?? [:]).keys))
        }
        fetchHistoryIfNeeded()
        if let token, now >= nextTokenAt {
            nextTokenAt = now + .seconds(5)
            disk.submit { token.refresh() }
        }
        if let at = releaseTextAt, now >= at {
            releaseTextAt = nil
            disk.submit { Processes.releaseStartupText() }
        }
    }

    func readStore(_ now: Instant) {
        // The watch tells of changes; regular reading makes up for one that was lost.
        nextReadAt = now + observation.settings.renewEvery * 2
        if reading {
            readAgain = true
        } else {
            reading = lease.read()
        }
    }

    func askPeers(_ names: [MemberName]) {
        for name in names where name != observation.me.name {
            if let member = observation.store.record?.members[name] { peers.ask(member) }
        }
    }

    // MARK: Deciding

    /// Decides until nothing more follows at once.
    private func evaluate() {
        for _ in 0..<8 {
            let now = BootClock.now()
            let (next, memory) = Leadership.decide(observation, memory, now: now)
            self.memory = memory
            decision = next
            feedGuard()
            var changed = false
            for effect in next.effects { changed = carryOut(effect, now) || changed }
            if !changed { return }
        }
    }

    /// - Returns: whether the observation changed, so that another decision may follow at once.
    private func carryOut(_ effect: Effect, _ now: Instant) -> Bool {
        switch effect {
        case .write(let write):
            guard lease.write(write) else { return false }
            observation.store.writeInFlight = true
        case .operate(let operation):
            begin(operation, now)
            return observation.operation == nil
        case .fence(let reason):
            fence(reason)
            return true
        case .ask(let names): askPeers(names)
        case .report(let transition): report(transition)
        case .exit(let code, let reason): exit = exit ?? (code, reason)
        }
        return false
    }

    private func report(_ transition: Transition) {
        metrics.transitions.increment(
            MemberMetrics.TransitionLabels(transition.kind, succeeded: transition.succeeded))
        log.notice(
            "transition",
            metadata: [
                "id": "\(transition.id)", "kind": "\(transition.kind.rawValue)",
                "from": "\(transition.from?.rawValue ?? "")", "to": "\(transition.to?.rawValue ?? "")",
                "term": "\(transition.term)", "succeeded": "\(transition.succeeded)",
                "reason": "\(transition.reason)",
            ])
    }

    /// The guard holds a deadline whenever postgres could acknowledge a write, and knows whom to kill when PID 1 dies.
    func feedGuard() {
        let opens = observation.operation == .start(.primary) || observation.operation == .promote
        let deadline = postgres?.mayWrite == true || opens ? decision.writableUntil ?? BootClock.now() : nil
        let armed = postgres == nil && !opens ? nil : deadline
        let fed = guardian.feed(
            postmaster: postgres?.process ?? 0, deadline: armed, dataDirectory: canonicalDataDirectory)
        if !fed, postgres?.mayWrite == true, guardian.isAlive {
            log.critical("the guard takes no messages")
        }
        workers[.archiver]?.order("lease \(armed?.nanoseconds ?? 0)")
    }

    /// Free of symbolic links, as the guard wants it.
    private(set) lazy var canonicalDataDirectory: String = {
        let path = loaded.configuration.dataDirectory
        if let whole = try? Files.canonicalPath(path) { return whole }
        guard let slash = path.lastIndex(of: "/"), let parent = try? Files.canonicalPath(String(path[..<slash])) else {
            return path
        }
        return parent + path[slash...]
    }()
}
