import ClusterModel
import Configuration
import Glibc
import Leadership
import Logging
import Platform
import Postgres

/// How other members are reached, and what the leader's history is.
extension SupervisionLoop {
    func standbyRole(_ name: MemberName) -> ServerConfiguration.Role {
        if name == .remote { return remoteRole }
        return .standby(upstream: upstreamInfo(name), slot: SlotName.of(observation.me.name))
    }

    /// What the files of a running standby say.
    var currentStandbyRole: ServerConfiguration.Role {
        upstream.map { standbyRole($0.name) } ?? .standby(upstream: nil, slot: nil)
    }

    var currentRole: ServerConfiguration.Role { report?.inRecovery == false ? .primary : currentStandbyRole }

    /// nil of the other cluster also when nothing is streamed from there.
    func upstreamInfo(_ name: MemberName) -> ConnectionInfo? {
        if name == .remote {
            var info = remoteInfo
            info?.replication = false
            return info
        }
        guard let member = observation.store.record?.members[name] else { return nil }
        return loaded.server.upstream(host: member.postgresHost, port: member.postgresPort)
    }

    func writePasswordFile() throws {
        try remoteAccess?.writePasswordFile()
        guard let file = loaded.configuration.postgres.replicationPasswordFile else { return }
        let password = try PasswordFile.readSecret(file)
        try PasswordFile([(loaded.configuration.postgres.replicationUser, password)])
            .write(to: loaded.configuration.runDirectory + "/pgpass")
    }

    /// A standby asks its upstream for the history of every number up to the leader's; an upstream that began as a clone
    /// has none of before, and the standby could never change over.
    func completeHistories(_ history: TimelineHistory) {
        guard case .running(let running) = observation.local.process, running.inRecovery,
            history.timeline.rawValue > running.timeline.rawValue + 1
        else { return }
        let directory = dataDirectory
        let own = running.timeline
        disk.submit { [log] in
            do {
                try directory.completeHistories(from: own, of: history)
            } catch {
                log.warning("timeline histories could not be completed", metadata: ["error": "\(error)"])
            }
        }
    }

    /// The ancestry of the leader's timeline decides how a member may rejoin.
    func fetchHistoryIfNeeded() {
        guard !fetchingHistory, let record = observation.store.record, let holder = record.holder else { return }
        if holder == observation.me.incarnation {
            guard let report, !report.inRecovery || followsRemote,
                observation.leaderHistory?.timeline != report.timeline
            else { return }
            let directory = dataDirectory
            let timeline = report.timeline
            fetchingHistory = disk.submit { [mailbox] in
                if let history = try? directory.timelineHistory(timeline) {
                    _ = mailbox.post(.historyFetched(history))
                } else {
                    _ = mailbox.post(.historyUnavailable("there is no history file of timeline \(timeline)"))
                }
            }
            return
        }
        guard let peer = observation.peers[holder.name]?.status, peer.role == .primary || peer.leadsStandby,
            peer.term == record.term,
            let timeline = peer.timeline, observation.leaderHistory?.timeline != timeline,
            var info = upstreamInfo(holder.name)
        else { return }
        info.replication = true
        let connectionInfo = info
        fetchingHistory = remote.submit { [mailbox] in
            let deadline = BootClock.now() + .seconds(3)
            do {
                let connection = try SQLConnection.open(connectionInfo, deadline: deadline)
                let history = try SystemIdentification.history(of: timeline, on: connection, deadline: deadline)
                _ = mailbox.post(.historyFetched(history))
            } catch {
                _ = mailbox.post(.historyUnavailable("\(error)"))
            }
        }
    }
}
