import ClusterModel

/// Declared logical slots that outlive a failover: made on the primary with `failover`, copied to standbys by PostgreSQL
/// itself (17 and later, `sync_replication_slots`), usable on whichever of them is promoted.
package enum LogicalSlots {
    /// The first version that copies them.
    package static let firstMajor = 17

    /// What is there under a declared name.
    private struct Found {
        var isLogical: Bool
        var database: String
        var plugin: String
        var failover: Bool
        /// A copy that the server keeps up to date by itself, or did so before it was promoted.
        var synced: Bool
        var isActive: Bool
    }

    /// Makes what is missing on a primary. On a standby, what a former primary left is dropped: PostgreSQL copies no slot
    /// over one of its own, and what counts is the primary's.
    /// - Parameter local: how to reach this server; slots are made in their database.
    /// - Returns: what a person has to look at, and what was dropped.
    /// - Throws: only when the connection is no longer usable.
    package static func reconcile(
        _ wanted: [LogicalSlot], inRecovery: Bool, _ local: ConnectionInfo, on connection: SQLConnection,
        deadline: Instant
    ) throws(SQLError) -> [String] {
        guard !wanted.isEmpty, connection.serverVersion >= firstMajor * 10000 else { return [] }
        let rows = try connection.query(
            """
            SELECT slot_name, slot_type, database, plugin, failover::text, synced::text, active::text
              FROM pg_replication_slots
            """, deadline: deadline)
        var found: [String: Found] = [:]
        for row in rows where row.count == 7 {
            found[row[0] ?? ""] = Found(
                isLogical: row[1] == "logical", database: row[2] ?? "", plugin: row[3] ?? "",
                failover: row[4] == "true", synced: row[5] == "true", isActive: row[6] == "true")
        }
        var notes: [String] = []
        for slot in wanted {
            let present = found[slot.name]
            if inRecovery {
                guard let present, present.isLogical, !present.synced, !present.isActive else { continue }
                try attempt(&notes) { () throws(SQLError) in
                    _ = try connection.query("SELECT pg_drop_replication_slot($1)", [slot.name], deadline: deadline)
                }
                notes.append("dropped the logical slot \(slot.name) of the time as primary: the primary's is copied")
            } else if let present {
                if !present.isLogical || present.database != slot.database || present.plugin != slot.plugin {
                    notes.append(
                        "the slot \(slot.name) is not as declared (\(slot.text)): drop it or correct slots.logical")
                } else if !present.failover {
                    notes.append(
                        "the slot \(slot.name) was made without failover and will be lost: drop it, or alter it")
                }
            } else {
                try make(slot, local, deadline: deadline, &notes)
            }
        }
        return notes
    }

    private static func make(
        _ slot: LogicalSlot, _ local: ConnectionInfo, deadline: Instant, _ notes: inout [String]
    ) throws(SQLError) {
        var info = local
        info.database = slot.database
        do throws(SQLError) {
            let connection = try SQLConnection.open(info, deadline: deadline)
            defer { connection.close() }
            _ = try connection.query(
                "SELECT pg_create_logical_replication_slot($1, $2, false, false, true)", [slot.name, slot.plugin],
                deadline: deadline)
        } catch {
            notes.append("the logical slot \(slot.text) cannot be made: \(error)")
        }
    }

    private static func attempt(_ notes: inout [String], _ body: () throws(SQLError) -> Void) throws(SQLError) {
        do throws(SQLError) { try body() } catch {
            guard error.kind == .server else { throw error }
            notes.append(error.description)
        }
    }
}
