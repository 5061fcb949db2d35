import ClusterModel
import Configuration
import Glibc
import HTTPTransport
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
    /// SQL to the local server that is part of a take-over: it waits for nothing else.
    let urgent: WorkerThread
    let janitor: Janitor
    let metrics: MemberMetrics
    let published: Published
    let token: SecretFile?
    let peerSecret: SecretFile?
    let certificates: CertificateFiles?
    let promises: PromiseJournal
    let kubernetes: KubernetesKeeper?
    let storage: DiskKeeper
    let remoteWatch: RemoteWatch
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
    /// The files name an upstream, or may do so: a WAL receiver may start at any moment. Not the same as `upstream`
    /// while a write of theirs is under way or has failed.
    var filesMayNameUpstream = true

    /// The operation under way, as `observation.operation`, and its number.
    var operationNumber = 0
    var operationStartedAt: Instant?
    /// The program that the present step waits for.
    var tool: (process: ProcessID, step: OperationStep)?
    /// The upstream's address as the step that writes the files was given it.
    var startAddress: ConnectionInfo?
    var inspecting = false
    var inspectAgain = false
    /// The disk thread had too much to do.
    var inspectRetryAt: Instant?
    /// An operation that has changed the data directory ends once that was looked at again; the error it ends with.
    var settling: (isSettling: Bool, error: String?) = (false, nil)
    /// The receiver was ended at that moment: a younger look has the final position.
    var detachedAt: Instant?

    /// What the files say of synchronous standbys and clients, or will say as soon as they are written.
    var opening = OpeningSettings()
    var settingNumber = 0
    var settingRetryAt: Instant?
    var isWritingSetting = false

    var uncertain: (write: StoreWrite, sentAt: Instant)?
    var control = ControlQueue()
    var reading = false
    var readAgain = false
    /// What is wrong with the stored record, from the last answer of the store.
    var storeProblem: String?
    /// When the record's renewal was last seen to change.
    var renewalSeenAt: Instant?
    var namesakes = NamesakeWatch()
    var reportedRival: Incarnation?
    /// Who leads, and who led before, for labels of pods.
    var formerPrimaries: Set<MemberName> = []
    var history = TransitionHistory()

    var clock = ClockWatch()
    /// What was last said of logical slots.
    var logicalSlotNotes: [String] = []
    var ailments = Ailments()
    var nextKnockAt = BootClock.now()
    var knocking = false
    var divergedWAL: String?
    var divergedWALSets = 0
    var consentRound: ConsentRound?
    var said = SaidBefore()
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
    /// The job that this member carries out, or has carried out until the record says so.
    var job: JobProcess?
    /// Counts what is in the archive.
    var inspector: JobProcess?
    var archiveSummary: ArchiveSummary?
    var nextJobsAt = BootClock.now()
    var nextInspectionAt = BootClock.now()
    var leadsJobsSince: Instant?
    /// Of the worker that reads the other cluster's archive.
    var foreignArchiveStatus: ArchiveStatus?
    /// The best server of the other cluster, as last seen.
    var remoteServer: ConnectionInfo.Alternative?
    var remoteProblem: String?
    var nextRemoteAt = BootClock.now()
    var lookingAtRemote = false
    /// What the data directory says of following, as far as this run has written it.
    var notedFollowing: Bool?
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
        peerSecret = parts.peerSecret
        certificates = parts.certificates
        kubernetes = parts.kubernetes
        let tls = parts.loaded.configuration.http.tls
        peers = PeerPoller(
            mailbox: parts.mailbox, secret: parts.peerSecret,
            tls: HTTPTLS(caFile: tls.caFile, certificateFile: tls.certificateFile, keyFile: tls.keyFile))
        disk = try WorkerThread(name: "disk", capacity: 32)
        remote = try WorkerThread(name: "remote-sql", capacity: 16)
        urgent = try WorkerThread(name: "urgent-sql", capacity: 8)
        janitor = try Janitor()
        storage = try Self.storage(parts)
        remoteWatch = try RemoteWatch(mailbox: parts.mailbox)
        guardian = GuardKeeper(path: parts.loaded.programs.guardian, registry: registry, mailbox: parts.mailbox)
        let now = BootClock.now()
        let me = parts.loaded.member(bootID: parts.bootID)
        observation = Observation(
            me: me, cluster: parts.loaded.configuration.cluster, settings: parts.loaded.leadership, bootedAt: now)
        promises = try PromiseJournal(
            path: parts.loaded.configuration.dataDirectory + ".pgmahout-promise",
            cluster: parts.loaded.configuration.cluster, member: me.name)
        let known = promises.start(now: now)
        observation.promisesKnownSince = known.knownSince
        memory = known.memory
        observation.standbySource = parts.loaded.standbySource
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
        let token: SecretFile?
        let peerSecret: SecretFile?
        let certificates: CertificateFiles?
        let kubernetes: KubernetesKeeper?
        let tools: Tools
        let major: Int
        let bootID: String
    }

    /// Runs until PID 1 is done.
    func run() -> Int32 {
        inspect()
        prepareWorkers()
        let directory = dataDirectory
        // A crash may have left some.
        janitor.submit { try? directory.emptyTrash() }
        while true {
            let now = BootClock.now()
            tick(now)
            evaluate()
            keepOutWhileRivalled(now)
            tendJobs(now)
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
        for kind in [WorkerKeeper.Kind.archiver, .foreignArchive] {
            if let output = workers[kind]?.output, output >= 0 { descriptors.append(output) }
        }
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
        if let stop = postgres?.stop {
            next = min(next, stop.nextAt)
            if let leaves = stop.leavesArchiveAt, leaves > BootClock.now() { next = min(next, leaves) }
        }
        let bounds = [
            settingRetryAt, inspectRetryAt, detachDeadline, control.deadline, namesakes.waits(at: BootClock.now()),
        ]
        for at in bounds { if let at { next = min(next, at) } }
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
        if let jump = clock.look(boot: now, wall: BootClock.wallClockMilliseconds()) {
            metrics.clockJumps.increment()
            log.warning(
                "the wall clock was set: the lease does not depend on it, but times of day do",
                metadata: ["milliseconds": "\(jump)"])
        }
        for kind in workers.keys { workers[kind]?.keep(now: now, log: log) }
        escalate(now)
        boundDetach(now)
        // What is nearly due goes along, so that an idle manager wakes up once in a period and not once for each.
        let soon = now + observation.settings.renewEvery / 5
        if now >= nextReadAt { readStore(now) }
        if now >= nextProbeAt || (soon >= nextProbeAt && now >= nextPeersAt) { lookAtPostgres(now) }
        if now >= nextPeersAt {
            nextPeersAt = now + observation.settings.renewEvery * 2
            askPeers(Array((observation.store.record?.members ?? [:]).keys))
            askNamesake()
        }
        if now >= nextRemoteAt { lookAtRemote(now) }
        noteFollowing(now)
        if let at = settingRetryAt, now >= at { writeOpeningSettings() }
        if let at = inspectRetryAt, now >= at { inspect() }
        fetchHistoryIfNeeded()
        if now >= nextTokenAt {
            nextTokenAt = now + .seconds(5)
            for file in [token, peerSecret] { if let file { disk.submit { file.refresh() } } }
            if let certificates { disk.submit { [log] in certificates.refresh(log) } }
        }
        if let at = releaseTextAt, now >= at {
            releaseTextAt = nil
            disk.submit { Processes.releaseStartupText() }
        }
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
