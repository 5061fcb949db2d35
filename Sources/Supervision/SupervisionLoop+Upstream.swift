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
        .standby(upstream: upstreamInfo(name), slot: SlotName.of(observation.me.name))
    }

    func upstreamInfo(_ name: MemberName) -> ConnectionInfo? {
        guard let member = observation.store.record?.members[name] else { return nil }
        return loaded.server.upstream(host: member.postgresHost, port: member.postgresPort)
    }

    func writePasswordFile() throws {
        guard let file = loaded.configuration.postgres.replicationPasswordFile else { return }
        let password = try PasswordFile.readSecret(file)
        try PasswordFile([(loaded.configuration.postgres.replicationUser, password)])
            .write(to: loaded.configuration.runDirectory + "/pgpass")
    }

    /// The ancestry of the leader's timeline decides how a member may rejoin.
    func fetchHistoryIfNeeded() {
        guard !fetchingHistory, let record = observation.store.record, let holder = record.holder else { return }
        if holder == observation.me.incarnation {
            guard let report, !report.inRecovery, observation.leaderHistory?.timeline != report.timeline else { return }
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
        guard let peer = observation.peers[holder.name]?.status, peer.role == .primary, peer.term == record.term,
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
