import ClusterModel

/// Carries a slot plan out.
package enum Slots {
    /// Every step by itself: one that fails (a slot that just became active, say) does not hold up the others and is
    /// planned again next time.
    /// - Returns: what failed, for the log.
    /// - Throws: only when the connection is no longer usable.
    package static func reconcile(
        _ plan: SlotPlan, on connection: SQLConnection, deadline: Instant
    ) throws(SQLError) -> [SQLError] {
        var problems: [SQLError] = []
        func attempt(_ sql: String, _ parameters: [String?]) throws(SQLError) {
            do {
                _ = try connection.query(sql, parameters, deadline: deadline)
            } catch {
                guard error.kind == .server else { throw error }
                problems.append(error)
            }
        }
        for slot in plan.drop { try attempt("SELECT pg_drop_replication_slot($1)", [slot]) }
        // With WAL reserved at once: a clone is under way, and needs it from now on.
        for slot in plan.create { try attempt("SELECT pg_create_physical_replication_slot($1, true)", [slot]) }
        for step in plan.advance {
            try attempt("SELECT pg_replication_slot_advance($1, $2::pg_lsn)", [step.slot, step.to.description])
        }
        return problems
    }
    /// Where slots of these names stand, for those that exist and keep WAL.
    package static func positions(
        of names: [String], on connection: SQLConnection, deadline: Instant
    ) throws(SQLError) -> [String: LSN] {
        let rows = try connection.query(
            "SELECT slot_name, restart_lsn::text FROM pg_replication_slots WHERE restart_lsn IS NOT NULL",
            deadline: deadline)
        var found: [String: LSN] = [:]
        for row in rows {
            guard let name = row[0], names.contains(name), let position = row[1].flatMap({ LSN($0) }) else { continue }
            found[name] = position
        }
        return found
    }
}
