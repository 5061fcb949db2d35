import ClusterModel

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
    }

    package var inRecovery: Bool
    /// Primary: the one it writes. Standby: the newest that it has received or replayed.
    package var timeline: TimelineID
    /// Primary: flushed. Standby: the end of what it has received and flushed, or replayed if that is more.
    package var flushed: LSN
    /// Primary: as `flushed`.
    package var replayed: LSN
    package var systemIdentifier: SystemIdentifier
    /// As in 150018.
    package var serverVersion: Int
    /// Whether settings wait for a restart.
    package var pendingRestart: Bool
    /// nil: none runs.
    package var receiver: Receiver?
    package var slots: [Slot]
    package var senders: [Sender]

    package var isStreaming: Bool { receiver?.isStreaming ?? false }

    /// Asks the server behind `connection` (not one for replication). A standby without a WAL receiver is asked once
    /// more, over a connection for replication: SQL does not tell which timeline it has replayed to.
    package static func take(on connection: SQLConnection, deadline: Instant) throws(SQLError) -> LocalReport {
        let rows = try connection.query(sql, deadline: deadline)
        guard var report = LocalReport(rows: rows) else {
            throw SQLError(.server, "the report of the server could not be understood")
        }
        guard report.inRecovery, report.receiver?.timeline == nil else { return report }
        var info = connection.info
        info.replication = true
        let replication = try SQLConnection.open(info, deadline: deadline)
        defer { replication.close() }
        let identification = try SystemIdentification.take(on: replication, deadline: deadline)
        report.timeline = identification.timeline
        report.flushed = max(report.flushed, identification.position)
        return report
    }
}
