import ClusterModel
import Platform

/// What a server says of itself, in one round trip.
package struct LocalReport: Hashable, Sendable {
    /// A standby's WAL receiver.
    package struct Receiver: Hashable, Sendable {
        /// `streaming` once it receives.
        package var status: String
        /// The upstream as configured.
        package var host: String?
        package var port: Int?
        package var slot: String?
        package var timeline: TimelineID?
        /// The upstream's position as it last said.
        package var upstreamPosition: LSN?

        package var isStreaming: Bool { status == "streaming" }
    }

    /// A replication slot.
    package struct Slot: Hashable, Sendable {
        package var name: String
        package var isPhysical: Bool
        package var isActive: Bool
        /// nil: never reserved WAL, or lost it.
        package var restart: LSN?
        /// Invalidated: what it needs is gone.
        package var isLost: Bool

        package init(name: String, isPhysical: Bool, isActive: Bool, restart: LSN?, isLost: Bool) {
            self.name = name
            self.isPhysical = isPhysical
            self.isActive = isActive
            self.restart = restart
            self.isLost = isLost
        }
    }

    /// A standby that streams from this server.
    package struct Sender: Hashable, Sendable {
        /// The member's name, for members.
        package var applicationName: String
        package var state: String
        package var sent: LSN?
        package var flushed: LSN?
        package var replayed: LSN?
        package var synchronous: Bool
        /// Whether it found its own name in `synchronous_standby_names` when it last read the configuration.
        package var hasSynchronousPriority: Bool

        /// A standby or one that catches up; a base backup is none.
        package var isStandby: Bool { state == "streaming" || state == "catchup" }
    }

    /// A member that streams from this server.
    package struct Replica: Hashable, Sendable {
        /// It has caught up.
        package var streaming: Bool
        package var flushed: LSN
    }

    package var inRecovery: Bool
    /// Primary: the one it writes. Standby: the one that `flushed` is on, be it that less was replayed.
    package var timeline: TimelineID
    /// Primary: flushed. Standby: the end of what it has received and flushed, or replayed if that is more.
    package var flushed: LSN
    /// Primary: as `flushed`.
    package var replayed: LSN
    /// Standby: the end of what it has received and flushed; zero when it never received since its start.
    var received: LSN
    package var systemIdentifier: SystemIdentifier
    /// As in 150018.
    package var serverVersion: Int
    /// Whether settings wait for a restart.
    package var pendingRestart: Bool
    /// nil: none runs.
    package var receiver: Receiver?
    /// Standby: a WAL receiver is there, whether it streams, connects or ends.
    package var hasReceiverProcess: Bool
    /// Standby: somebody has paused the replay (`pg_wal_replay_pause`).
    package var isReplayPaused: Bool
    /// Standby: `flushed` is the end of all that it has. False while it replays what it had when it was started: its
    /// position is then below its end.
    package var knowsItsEnd: Bool
    /// Standby: seconds since the commit of the last transaction that was replayed, by the two servers' wall clocks; nil:
    /// none was.
    package var replayAgeSeconds: Double?
    package var slots: [Slot]
    package var senders: [Sender]
    /// What `synchronous_standby_names` says; `.none` also when it says what we never write.
    package var synchronous: SynchronousSetting
    /// The text of `synchronous_standby_names` when it is not of our making.
    package var foreignSynchronous: String?
    /// Whether ordinary clients are let in, as the last loaded configuration says.
    package var admitsClients: Bool
    /// Whether those processes that make commits wait have the same settings as the one that was asked: a reload
    /// reaches each by itself. The checkpointer decides whether commits wait at all, WAL senders when they waited
    /// enough.
    package var areSettingsLoaded: Bool
    /// The processes that `areSettingsLoaded` is about.
    var settingProcesses: [ProcessID]

    /// Standbys by the names that they give themselves. Of two of one name, the one that streams: an old connection
    /// may still be there beside the new one.
    package var replicas: [MemberName: Replica] {
        var found: [MemberName: Replica] = [:]
        for sender in senders where sender.isStandby {
            let name = MemberName(sender.applicationName)
            let replica = Replica(streaming: sender.state == "streaming", flushed: sender.flushed ?? .zero)
            if let known = found[name], known.streaming || !replica.streaming { continue }
            found[name] = replica
        }
        return found
    }

    package var isStreaming: Bool { receiver?.isStreaming ?? false }

    /// Asks the server behind `connection` (not one for replication). A standby without a WAL receiver is asked once
    /// more, over a connection for replication: SQL does not tell which timeline it has replayed to.
    /// - Parameter replication: for the next look to go on with; opened when it is needed, closed when it is not.
    package static func take(
        on connection: SQLConnection, replication: inout SQLConnection?, deadline: Instant
    ) throws(SQLError) -> LocalReport {
        let rows = try connection.query(prepared: sql, deadline: deadline)
        guard var report = LocalReport(rows: rows) else {
            throw SQLError(.server, "the report of the server could not be understood")
        }
        if !report.inRecovery, report.areSettingsLoaded, connection.info.isLocalSocket {
            report.areSettingsLoaded = !report.settingProcesses.contains { ServerProcess.isReloadPending($0) }
        }
        guard report.inRecovery, report.receiver?.timeline == nil else {
            replication?.close()
            replication = nil
            return report
        }
        let asked: SQLConnection
        if let replication, replication.isOpen {
            asked = replication
        } else {
            var info = connection.info
            info.replication = true
            asked = try SQLConnection.open(info, deadline: deadline)
            replication = asked
        }
        let identification = try SystemIdentification.take(on: asked, deadline: deadline)
        report.timeline = identification.timeline
        report.flushed = max(report.flushed, identification.position)
        if report.received > identification.position {
            // More was received than replayed, and on another timeline: the server would have said so otherwise.
            report.timeline = try receivedTimeline(report, on: connection, deadline: deadline)
        }
        return report
    }

    package static func take(on connection: SQLConnection, deadline: Instant) throws(SQLError) -> LocalReport {
        var replication: SQLConnection?
        defer { replication?.close() }
        return try take(on: connection, replication: &replication, deadline: deadline)
    }

    private static func receivedTimeline(
        _ report: LocalReport, on connection: SQLConnection, deadline: Instant
    ) throws(SQLError) -> TimelineID {
        let rows = try connection.query(
            "SELECT name, pg_size_bytes(current_setting('wal_segment_size'))::text FROM pg_ls_waldir()",
            deadline: deadline)
        guard let size = rows.first?.last.flatMap({ $0 }).flatMap({ UInt64($0) }) else { return report.timeline }
        let names = rows.compactMap { $0.first.flatMap { $0 } }
        let found = timeline(ofReceived: report.received, among: names, segmentSize: size)
        return max(found ?? report.timeline, report.timeline)
    }

    /// The timeline of the segment that ends the received WAL; nil when it is not among these names. A segment that is
    /// only kept for later use may have the number, too, but then of a timeline that is older.
    static func timeline(ofReceived received: LSN, among names: [String], segmentSize: UInt64) -> TimelineID? {
        let last = LSN(rawValue: received.rawValue - 1)
        let segments = names.compactMap { WALSegment($0, size: segmentSize) }
        return segments.filter { $0.start <= last && last < $0.end }.map(\.timeline).max()
    }
}
