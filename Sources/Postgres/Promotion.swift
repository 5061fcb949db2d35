import ClusterModel
import Glibc
import Platform

/// The end of recovery. The caller holds the lease, renews it throughout, and polls `LocalReport` until the server is
/// out of recovery: replaying what was received may take long.
package enum Promotion {
    /// Asks a standby to promote itself once it has loaded whom commits shall wait for; does not wait for the
    /// promotion. To be called after `ServerConfiguration.write` and SIGHUP to the postmaster.
    /// - Parameter setting: what was written.
    /// - Throws: `.timedOut` when it has not been loaded by the deadline: nothing was asked for then.
    package static func request(
        on local: ConnectionInfo, awaiting setting: SynchronousSetting, deadline: Instant
    ) throws(SQLError) {
        while true {
            // New ones: made after the reload, they have what it brought.
            let connection = try SQLConnection.open(local, deadline: deadline)
            defer { connection.close() }
            if try isLoaded(setting, connection, deadline: deadline) {
                return try request(on: connection, deadline: deadline)
            }
            guard BootClock.now() < deadline else {
                throw SQLError(.timedOut, "the server has not loaded whom commits wait for: it was not promoted")
            }
            usleep(3_000)
        }
    }

    private static func isLoaded(
        _ setting: SynchronousSetting, _ connection: SQLConnection, deadline: Instant
    ) throws(SQLError) -> Bool {
        let rows = try connection.query(
            """
            SELECT current_setting('synchronous_standby_names'),
                   (SELECT wait_event || ' ' || pid FROM pg_stat_activity WHERE backend_type = 'checkpointer')
            """, deadline: deadline)
        guard let row = rows.first, row[0] == setting.standbyNames else { return false }
        if setting.required == 0 { return true }
        let words = (row[1] ?? "").split(separator: " ").map(String.init)
        guard words.count == 2, let checkpointer = ProcessID(words[1]) else { return false }
        return ServerProcess.isAtRest(checkpointer: words[0]) && !ServerProcess.isReloadPending(checkpointer)
    }

    /// Asks a standby to promote itself; does not wait for it.
    package static func request(on connection: SQLConnection, deadline: Instant) throws(SQLError) {
        let rows = try connection.query("SELECT pg_promote(false)", deadline: deadline)
        guard rows.first?.first == "t" else { throw SQLError(.server, "the server refused to be promoted") }
    }

    /// Brings the new timeline into pg_control: until then, pg_rewind takes this server for one on the old timeline.
    /// A matter of disk speed, so with a deadline far away.
    package static func checkpoint(on connection: SQLConnection, deadline: Instant) throws(SQLError) {
        _ = try connection.query("CHECKPOINT", deadline: deadline)
    }
}
