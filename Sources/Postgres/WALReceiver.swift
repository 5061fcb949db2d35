import ClusterModel
import Glibc
import Platform

/// The end of a standby's WAL receiver: what a vote begins with (docs/leadership.md).
package enum WALReceiver {
    /// Ends the receiver and makes sure that none comes back, so that nothing is acknowledged to the upstream any more.
    ///
    /// To be called after `ServerConfiguration.write(.standby(upstream: nil, slot: nil))` and SIGHUP to the postmaster.
    /// What was received goes on being replayed, and WAL may still come from the archive: the position never falls
    /// behind what is reported then, and no WAL from there was acknowledged in this member's name.
    /// - Throws: `.timedOut` at the deadline: a receiver may be there, or may still come.
    package static func end(_ local: ConnectionInfo, deadline: Instant) throws(SQLError) {
        let connection = try reloaded(local, deadline: deadline)
        defer { connection.close() }
        try untilStartupHasComeRound(connection, deadline: deadline)
        while true {
            // Whoever was asked for before that was made before this connection was, and shows by now.
            let look = try SQLConnection.open(local, deadline: deadline)
            defer { look.close() }
            let name = try look.query("SHOW cluster_name", deadline: deadline).first?.first.flatMap { $0 } ?? ""
            let processes: [ProcessID]
            do {
                processes = try ServerProcess.possibleReceivers(besides: look.backendProcess, clusterName: name)
            } catch {
                throw SQLError(.server, "cannot tell whether a WAL receiver runs: \(error)")
            }
            let known = try receivers(look, deadline: deadline)
            if processes.isEmpty, known.isEmpty { return }
            for process in known { Processes.signal(process, SIGTERM) }
            try pause("a WAL receiver still runs", until: deadline)
        }
    }

    /// A connection whose process was made after the reload: the postmaster has told the others of it before.
    private static func reloaded(_ local: ConnectionInfo, deadline: Instant) throws(SQLError) -> SQLConnection {
        while true {
            let connection = try SQLConnection.open(local, deadline: deadline)
            if try connection.query("SHOW primary_conninfo", deadline: deadline) == [[""]] { return connection }
            connection.close()
            try pause("the server has not loaded a configuration without upstream", until: deadline)
        }
    }

    /// It asks for receivers, by the configuration that it read last: at every turn of its loop it reads a new one.
    private static func untilStartupHasComeRound(
        _ connection: SQLConnection, deadline: Instant
    ) throws(SQLError) {
        var turns = 0
        var replayed: String?
        while true {
            let rows = try connection.query(
                """
                SELECT (SELECT max(wait_event) FROM pg_stat_activity WHERE backend_type = 'startup'),
                       pg_last_wal_replay_lsn()::text, pg_is_in_recovery()::text
                """, deadline: deadline)
            guard let row = rows.first, row[2] == "true" else { throw SQLError(.server, "the server is no standby") }
            if ServerProcess.isAtTurn(startup: row[0]) { return }
            // It looks at signals between two records.
            if let replayed, replayed != row[1] { turns += 1 }
            replayed = row[1]
            if turns > 1 { return }
            for process in try receivers(connection, deadline: deadline) { Processes.signal(process, SIGTERM) }
            try pause("the startup process has not come round to the new configuration", until: deadline)
        }
    }

    /// No function of the server ends one: they are none of its backends.
    private static func receivers(_ connection: SQLConnection, deadline: Instant) throws(SQLError) -> [ProcessID] {
        try connection.query(
            "SELECT pid::text FROM pg_stat_activity WHERE backend_type = 'walreceiver'", deadline: deadline
        ).compactMap { $0.first.flatMap { $0 }.flatMap { ProcessID($0) } }
    }

    private static func pause(_ problem: String, until deadline: Instant) throws(SQLError) {
        guard BootClock.now() < deadline else { throw SQLError(.timedOut, problem) }
        usleep(3_000)
    }
}
