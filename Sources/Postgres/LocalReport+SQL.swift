import ClusterModel
import Platform

/// The statement, and how its answer is read. Every row begins with what it is about.
///
/// The functions behind the views are called directly: the views' joins cost more than all the rest.
extension LocalReport {
    static let sql = """
        WITH activity AS MATERIALIZED (
            SELECT pid, application_name, backend_type, wait_event FROM pg_stat_get_activity(NULL)
        )
        SELECT 'server', pg_is_in_recovery()::text,
               CASE WHEN pg_is_in_recovery() THEN NULL
                    ELSE substr(pg_walfile_name(pg_current_wal_flush_lsn()), 1, 8) END,
               CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_flush_lsn() END::text,
               CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END::text,
               (SELECT system_identifier FROM pg_control_system())::text,
               current_setting('server_version_num'),
               (SELECT timeline_id FROM pg_control_checkpoint())::text
               || ' ' || coalesce((SELECT min_recovery_end_timeline FROM pg_control_recovery()), 0)::text,
               EXISTS (SELECT FROM pg_show_all_settings() WHERE pending_restart)::text
        UNION ALL
        SELECT 'process', coalesce(bool_or(backend_type = 'walreceiver'), false)::text,
               max(wait_event) FILTER (WHERE backend_type = 'checkpointer'),
               current_setting('synchronous_standby_names'),
               current_setting('\(ServerConfiguration.admissionSetting)', true),
               CASE WHEN pg_is_in_recovery() THEN pg_get_wal_replay_pause_state() END,
               string_agg(pid::text, ' ') FILTER (WHERE backend_type IN ('checkpointer', 'walsender')),
               max(wait_event) FILTER (WHERE backend_type = 'startup'), NULL
        FROM activity
        UNION ALL
        SELECT 'replay', extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::text,
               NULL, NULL, NULL, NULL, NULL, NULL, NULL
        UNION ALL
        SELECT 'receiver', status, sender_host, sender_port::text, slot_name, received_tli::text,
               latest_end_lsn::text, NULL, NULL
        FROM pg_stat_get_wal_receiver() WHERE pid IS NOT NULL
        UNION ALL
        SELECT 'slot', slot_name, slot_type, active::text, restart_lsn::text, wal_status, NULL, NULL, NULL
        FROM pg_get_replication_slots()
        UNION ALL
        SELECT 'sender', application_name, state, sent_lsn::text, flush_lsn::text, replay_lsn::text, sync_state,
               sync_priority::text, NULL
        FROM pg_stat_get_wal_senders() JOIN activity USING (pid)
        """

    /// nil when a row is not as the statement makes it.
    init?(rows: [[String?]]) {
        guard let server = rows.first(where: { $0.first == "server" }), server.count == 9,
            let recovery = server[1], let system = server[5].flatMap({ SystemIdentifier(Self.unsigned($0)) }),
            let version = server[6].flatMap({ Int($0) }),
            let process = rows.first(where: { $0.first == "process" }), process.count == 9
        else { return nil }
        inRecovery = recovery == "true"
        systemIdentifier = system
        serverVersion = version
        pendingRestart = server[8] == "true"
        // A standby that has replayed nothing yet knows no position.
        replayAgeSeconds = rows.first { $0.first == "replay" }.flatMap { $0[1] }.flatMap { Double($0) }
            .map { max(0, $0) }
        replayed = server[4].flatMap { LSN($0) } ?? .zero
        received = server[3].flatMap { LSN($0) } ?? .zero
        flushed = max(received, replayed)

        receiver = rows.first { $0.first == "receiver" }.map { row in
            Receiver(
                status: row[1] ?? "", host: row[2], port: row[3].flatMap { Int($0) }, slot: row[4],
                timeline: row[5].flatMap { UInt32($0) }.map { TimelineID($0) },
                upstreamPosition: row[6].flatMap { LSN($0) })
        }
        let known = (server[7] ?? "").split(separator: " ").compactMap { UInt32($0) }.map { TimelineID($0) }
        if let digits = server[2], let own = UInt32(digits, radix: 16) {
            timeline = TimelineID(own)
        } else if let received = receiver?.timeline {
            timeline = received
        } else if let newest = known.max(), newest.rawValue > 0 {
            timeline = newest
        } else {
            return nil
        }
        slots = rows.filter { $0.first == "slot" }.map { row in
            Slot(
                name: row[1] ?? "", isPhysical: row[2] == "physical", isActive: row[3] == "true",
                restart: row[4].flatMap { LSN($0) }, isLost: row[5] == "lost")
        }
        senders = rows.filter { $0.first == "sender" }.map { row in
            Sender(
                applicationName: row[1] ?? "", state: row[2] ?? "", sent: row[3].flatMap { LSN($0) },
                flushed: row[4].flatMap { LSN($0) }, replayed: row[5].flatMap { LSN($0) },
                synchronous: row[6] == "sync" || row[6] == "quorum",
                hasSynchronousPriority: (row[7].flatMap { Int($0) } ?? 0) > 0)
        }
        hasReceiverProcess = process[1] == "true" || receiver != nil
        let names = process[3] ?? ""
        let parsed = SynchronousSetting(standbyNames: names)
        synchronous = parsed ?? .none
        foreignSynchronous = parsed == nil ? names : nil
        admitsClients = process[4] != "off"
        isReplayPaused = process[5].map { $0 != "not paused" } ?? false
        // What is in pg_wal from before is replayed before anything is received; until then `received` says nothing.
        knowsItsEnd =
            server[3] != nil || ["RecoveryWalStream", "RecoveryRetrieveRetryInterval"].contains(process[7] ?? "")
        let listed = Set(synchronous.members.map(\.rawValue))
        settingProcesses = (process[6] ?? "").split(separator: " ").compactMap { ProcessID($0) }
        areSettingsLoaded =
            inRecovery
            || ServerProcess.isAtRest(checkpointer: process[2])
                && senders.allSatisfy {
                    !$0.isStandby || $0.hasSynchronousPriority == listed.contains($0.applicationName)
                }
    }

    /// The function returns the identifier as a signed number.
    private static func unsigned(_ text: String) -> String {
        Int64(text).map { String(UInt64(bitPattern: $0)) } ?? text
    }
}
