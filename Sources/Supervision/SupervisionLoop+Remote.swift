import ClusterModel
import Configuration
import Leadership
import Logging
import Management
import Platform
import Postgres

/// The other cluster that this one follows: how it is reached, and what it says.
extension SupervisionLoop {
    var followsRemote: Bool { observation.store.record?.remote != nil }

    /// nil: nothing is streamed from there.
    var remoteAccess: RemoteAccess? {
        guard let remote = observation.store.record?.remote ?? unrecordedRemote else { return nil }
        return loaded.remoteAccess(remote, present: remoteServer)
    }

    /// Before a new cluster has a record.
    private var unrecordedRemote: RemoteCluster? {
        observation.standbySource?.followsFirst ?? false ? RemoteCluster() : nil
    }

    /// The server that is best now first, the others as a way out when it fails.
    var remoteInfo: ConnectionInfo? {
        guard let access = remoteAccess, var first = access.servers.first else { return nil }
        first.alternatives = access.servers.dropFirst().map {
            ConnectionInfo.Alternative(host: $0.host, port: $0.port)
        }
        return first
    }

    var remoteRole: ServerConfiguration.Role {
        .standbyLeader(
            ServerConfiguration.RemotePrimary(
                conninfo: remoteInfo?.conninfo,
                slot: observation.store.record?.remote?.slot ?? loaded.configuration.standbyCluster?.slot,
                restoreCommand: loaded.foreignArchiveClient.map { ServerConfiguration.fetchCommand($0) }))
    }

    // MARK: Looking

    func lookAtRemote(_ now: Instant) {
        nextRemoteAt = now + observation.settings.renewEvery
        guard followsRemote, observation.store.record?.holder == observation.me.incarnation else {
            if observation.remote != nil { forgetRemote() }
            return
        }
        guard !lookingAtRemote, let access = remoteAccess else { return }
        lookingAtRemote = remoteWatch.look(access, present: remoteServer, patience: .seconds(2))
    }

    private func forgetRemote() {
        observation.remote = nil
        remoteProblem = nil
    }

    func remoteSeen(_ answer: RemoteAnswer?, problem: String?, at moment: Instant) {
        lookingAtRemote = false
        if problem != remoteProblem {
            remoteProblem = problem
            if let problem {
                log.warning("the other cluster does not answer", metadata: ["error": "\(problem)"])
            } else {
                log.notice("the other cluster answers", metadata: ["host": "\(answer?.host.host ?? "")"])
            }
        }
        guard let answer else { return }
        let before = observation.remote
        observation.remote = RemoteReport(
            systemIdentifier: answer.identification.systemIdentifier, timeline: answer.identification.timeline,
            position: answer.identification.position, isPrimary: answer.isPrimary, history: answer.history,
            receivedAt: moment)
        if remoteServer != answer.host {
            remoteServer = answer.host
            log.notice(
                "follows a server of the other cluster",
                metadata: [
                    "host": "\(answer.host.host)", "port": "\(answer.host.port)", "isPrimary": "\(answer.isPrimary)",
                ])
        }
        if let history = answer.history, before?.timeline != history.timeline || before?.history == nil {
            completeHistories(history)
        }
        // Its files may name another server than the best one now.
        observation.local.upstream = presentUpstream
        if case .running(var running) = observation.local.process, running.inRecovery {
            running.upstream = presentUpstream
            observation.local.process = .running(running)
        }
    }

    // MARK: On disk

    /// Kept in the data directory as well: whoever finds no record must know whether it may lead.
    func noteFollowing(_ now: Instant) {
        guard case .present(let data) = observation.local.data, let record = observation.store.record,
            record.systemIdentifier == data.systemIdentifier
        else { return }
        let follows = record.remote != nil
        guard notedFollowing != follows, !observation.isRolledBackOnDisk else { return }
        notedFollowing = follows
        let directory = dataDirectory
        let term = record.term
        disk.submit { [log] in
            do {
                // Together they tell a record of before that from one of a promotion since, whose term is higher.
                if follows { try directory.raiseTerm(to: term) }
                try directory.setFollowsRemote(follows)
            } catch {
                log.warning("cannot note whether the cluster follows another one", metadata: ["error": "\(error)"])
            }
        }
    }

    // MARK: Status

    var standbyClusterStatus: StandbyClusterStatus? {
        guard followsRemote, decision.leadsStandby, case .running(let running) = observation.local.process else {
            return nil
        }
        var status = StandbyClusterStatus()
        let now = BootClock.now()
        let remote = observation.remote.flatMap {
            now.since($0.receivedAt) <= observation.settings.reportLifetime * 2 ? $0 : nil
        }
        status.isReachable = remote != nil
        status.host = remoteServer.map { "\($0.host):\($0.port)" }
        status.remoteTimeline = remote?.timeline
        status.streaming = running.streaming
        let positions = [remote?.position, report?.receiver?.upstreamPosition, archiveEnd].compactMap { $0 }
        status.lagBytes = positions.max().map { $0.bytes(since: running.replayed) }
        let age = report?.replayAgeSeconds.map { $0 + (reportedAt.map { now.since($0).inSeconds } ?? 0) }
        status.lagSeconds = status.lagBytes == 0 ? 0 : age
        status.problem = decision.problem ?? sourceProblem(running)
        return status
    }

    /// Nothing can come, from wherever it should.
    private func sourceProblem(_ running: LocalState.Running) -> String? {
        if running.streaming { return nil }
        if loaded.foreignArchiveClient != nil {
            guard let error = foreignArchiveStatus?.lastError else { return nil }
            return "the other cluster's archive: \(error)"
        }
        return remoteProblem ?? "does not stream from the other cluster"
    }

    /// How far the other cluster's archive goes; nil when that is not known.
    private var archiveEnd: LSN? { foreignArchiveStatus?.newestEnd }
}

extension Observation {
    /// The record is older than what this directory was opened under: it is not to be believed.
    var isRolledBackOnDisk: Bool {
        guard case .present(let data) = local.data, let record = store.record else { return false }
        return record.term < data.term
    }
}
