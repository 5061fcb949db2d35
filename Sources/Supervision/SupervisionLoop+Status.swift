import ClusterModel
import Configuration
import Leadership
import Management
import Platform
import Postgres

/// What the member says of itself: built after every round, read by the management interface at any time.
extension SupervisionLoop {
    func publish() {
        let now = BootClock.now()
        let status = memberStatus(now)
        var cluster = ClusterStatus(cluster: loaded.configuration.cluster)
        if let record = observation.store.record {
            cluster.systemIdentifier = record.systemIdentifier
            cluster.term = record.term
            cluster.leader = record.holder?.name
            cluster.pendingSwitchover = record.intent.switchover
            cluster.intent = record.intent
            cluster.synchronous = record.synchronous
            cluster.remote = record.remote
            cluster.demotion = record.demotion
            cluster.lastTransition = record.lastTransition
            cluster.members = record.members.values.sorted { $0.name < $1.name }.map { member in
                if member.name == observation.me.name {
                    return ClusterStatus.Entry(member: member, status: status, reportedMillisecondsAgo: 0)
                }
                let peer = observation.peers[member.name]
                let age = peer.map { now.since($0.receivedAt) }
                // What a member said before it fell silent is no longer true of it.
                let isFresh = age.map { $0 <= observation.settings.reportLifetime } ?? false
                return ClusterStatus.Entry(
                    member: member, status: isFresh ? peer?.status : nil,
                    reportedMillisecondsAgo: age?.milliseconds)
            }
        }
        if !everReady, report != nil, observation.local.data != .unknown { everReady = true }
        var snapshot = ManagementSnapshot(status: status, cluster: cluster, loopHeartbeat: now)
        snapshot.leaseDeadline = leaseDeadline
        snapshot.started = everReady
        snapshot.orphansReaped = UInt64(registry.orphansReaped)
        snapshot.storage = storageStatus
        snapshot.history = history
        snapshot.jobs = jobsStatus
        snapshot.archive = archiveSummary
        published.publish(snapshot)
        kubernetes?.show(status.role, formerPrimaries: formerPrimaries, metrics: metrics)
        submitControl()
    }

    /// When this member gives up unless it renews; the guard comes `killWithin` later.
    var leaseDeadline: Instant? { decision.writableUntil.map { $0 - observation.settings.killWithin } }

    func memberStatus(_ now: Instant) -> MemberStatus {
        var status = MemberStatus(
            cluster: loaded.configuration.cluster, name: observation.me.name,
            incarnation: observation.me.incarnation, version: ProductVersion.current)
        let record = observation.store.record
        status.term = record?.term ?? 0
        status.leader = record?.holder?.name
        status.archive = archiveStatus
        status.job = job?.report
        status.renewal = record?.renewal
        status.vote = decision.vote
        status.isFenced = record?.intent.fenced.contains(observation.me.name) ?? false
        status.traits = observation.me.traits
        status.diskFull = observation.local.disk == .full
        status.problem = problem(now)
        if case .present(let data) = observation.local.data {
            status.systemIdentifier = data.systemIdentifier
            status.timeline = data.timeline
            status.role = .replica
        }
        if case .running(let running) = observation.local.process { fill(&status, running, now) }
        status.state = state(status)
        (status.ready, status.readyReason) = readiness(status, now)
        return status
    }

    /// What comes first is what has to be mended first.
    private func problem(_ now: Instant) -> String? {
        rivalry(now) ?? storeProblem ?? ailments.problem(disk: observation.local.disk, at: now) ?? decision.problem
            ?? divergedWAL
    }

    private func fill(_ status: inout MemberStatus, _ running: LocalState.Running, _ now: Instant) {
        status.timeline = running.timeline
        status.flushed = running.flushed
        status.pendingRestart = running.pendingRestart
        status.observedMillisecondsAgo = now.since(running.provedAt).milliseconds
        if running.inRecovery {
            status.replayed = running.replayed
            status.leadsStandby = decision.leadsStandby
            status.standbyCluster = standbyClusterStatus
            status.streaming = running.streaming
            status.receiving = running.receiving
            status.upstream = running.upstream
            status.lagBytes = lag(running)
            status.candidate =
                observation.shutdownRequests == 0 && postgres?.stop == nil && !status.isFenced && rivalry(now) == nil
        } else if decision.writableUntil != nil {
            status.role = .primary
        }
    }

    /// Against the newest position of the primary that is known from any side.
    private func lag(_ running: LocalState.Running) -> UInt64? {
        let leader = observation.store.record?.holder.flatMap { observation.peers[$0.name]?.status.flushed }
        let remote = decision.leadsStandby ? observation.remote?.position : nil
        let known = [leader, remote, observation.store.record?.flushed, report?.receiver?.upstreamPosition]
            .compactMap { $0 }
        return known.max().map { $0.bytes(since: running.replayed) }
    }

    private func state(_ status: MemberStatus) -> MemberState {
        switch observation.operation {
        case .initialize: return .initializing
        case .clone: return .cloning
        case .rewind: return .rewinding
        case .promote: return .promoting
        case .stop(.fence): return .fenced
        case .stop: return .stopping
        case .start: return .starting
        default: break
        }
        switch observation.local.process {
        case .starting: return .starting
        case .stopping: return .stopping
        case .running(let running): return running.inRecovery && running.streaming ? .streaming : .running
        case .stopped:
            if observation.local.crashedSince != nil { return .crashed }
            if case .refused = observation.local.data { return .failed }
            return observation.shutdownRequests > 0 ? .stopped : .waiting
        }
    }

    /// The first of the replicas here: it has readers as they have, and is of use to them while the other cluster is away.
    private func readiness(_ standby: StandbyClusterStatus) -> (Bool, String) {
        let lag = standby.lagBytes.map { "\($0) bytes behind the other cluster" } ?? "how far behind is not known"
        if let bytes = standby.lagBytes, bytes > observation.settings.maximumLag {
            return (false, "is \(lag), more than maximumLag")
        }
        let how = standby.streaming ? "streams from the other cluster" : standby.problem ?? "replays its archive"
        return (true, "leads a cluster that follows another one: \(how), \(lag)")
    }

    private func readiness(_ status: MemberStatus, _ now: Instant) -> (Bool, String) {
        if observation.shutdownRequests > 0 { return (false, "shutting down") }
        guard case .running(let running) = observation.local.process else {
            return (false, status.problem ?? "postgres is \(status.state.rawValue)")
        }
        if let rivalry = rivalry(now) { return (false, rivalry) }
        let silent = now.since(running.provedAt)
        guard silent < .seconds(5) else {
            return (
                false,
                ailments.problem(disk: .fine, at: now) ?? "postgres has not answered for \(silent.milliseconds) ms"
            )
        }
        if case .hung = observation.local.disk, let reason = ailments.problem(disk: observation.local.disk, at: now) {
            return (false, reason)
        }
        if !running.inRecovery {
            guard status.role == .primary else { return (false, "holds no valid lease") }
            guard running.admitsClients else { return (false, status.problem ?? "clients are not let in yet") }
            return (true, "accepts writes under a valid lease")
        }
        if observation.operation?.isPromotion == true { return (false, "is being promoted") }
        if let standby = status.standbyCluster { return readiness(standby) }
        guard running.streaming else { return (false, status.problem ?? "does not stream from the primary") }
        guard let lag = status.lagBytes else { return (false, "the primary's position is not known") }
        guard lag <= observation.settings.maximumLag else {
            return (false, "is \(lag) bytes behind, more than maximumLag")
        }
        return (true, "streams, \(lag) bytes behind")
    }
}
