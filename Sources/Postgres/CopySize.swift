import ClusterModel

/// How much room a clone needs.
package enum CopySize {
    /// Bytes of all databases with their tablespaces, of the WAL that a clone brings along, and a reserve.
    /// - Parameter connection: as the replication user to the server that is copied.
    package static func take(on connection: SQLConnection, deadline: Instant) throws(SQLError) -> UInt64 {
        let rows = try connection.query(
            """
            SELECT (coalesce(sum(pg_database_size(oid)), 0)
                    + 4 * pg_size_bytes(current_setting('wal_segment_size')))::bigint::text
            FROM pg_database
            """, deadline: deadline)
        guard let bytes = rows.first?.first.flatMap({ $0 }).flatMap({ UInt64($0) }) else {
            throw SQLError(.server, "the size of the databases could not be understood")
        }
        return bytes + reserve
    }

    /// Catalogs, transaction status and what is written meanwhile.
    private static let reserve: UInt64 = 32 << 20
}
