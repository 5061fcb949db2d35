import ClusterModel

/// The end of recovery. The caller holds the lease, renews it throughout, and polls `LocalReport` until the server is
/// out of recovery: replaying what was received may take long.
package enum Promotion {
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
