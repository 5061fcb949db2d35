/// Settings that belong to us: a user's value would break the cluster, or be lost at the next start.
enum ManagedSettings {
    private static let files =
        "the files of the server are ours: use dataDirectory, postgres.hba and postgres.parameters"
    private static let logs = "the server's log is merged into pgmahout's own: see the section log"
    private static let upstream = "pgmahout sets it on every change of the primary"
    private static let recovery = "pgmahout decides what recovers and until where: use pgmahout restore"
    private static let archiving = "pgmahout ships WAL by itself: see the section archive"
    private static let rewind = "a former primary must be able to rejoin with pg_rewind, so it stays on"

    private static let reasons: [String: String] = [
        "listen_addresses": "set postgres.listen instead",
        "port": "set postgres.port instead",
        "unix_socket_directories": "sockets are in runDirectory",
        "unix_socket_permissions": "sockets are in runDirectory, which only the server's user can enter",
        "cluster_name": "it is the member's name: set member instead",
        "data_directory": files,
        "config_file": files,
        "hba_file": files,
        "ident_file": files,
        "external_pid_file": files,
        "include": files,
        "include_dir": files,
        "include_if_exists": files,
        "hot_standby": "replicas answer queries, and pgmahout asks them for their state, so it stays on",
        "wal_log_hints": rewind,
        "full_page_writes": rewind,
        "archive_mode": archiving,
        "archive_command": archiving,
        "archive_library": archiving,
        "restore_command": archiving,
        "archive_cleanup_command": recovery,
        "recovery_end_command": recovery,
        "primary_conninfo": upstream,
        "primary_slot_name": upstream,
        "promote_trigger_file": "pgmahout promotes by itself, and only under the lease",
        "synchronous_standby_names": "pgmahout sets it, so that what counts as safe and what may be promoted agree",
        "recovery_target": recovery,
        "recovery_target_action": recovery,
        "recovery_target_inclusive": recovery,
        "recovery_target_lsn": recovery,
        "recovery_target_name": recovery,
        "recovery_target_time": recovery,
        "recovery_target_timeline": recovery,
        "recovery_target_xid": recovery,
        "restart_after_crash": "it stays on; what follows a crash of the whole server is decided under the lease",
        "logging_collector": logs,
        "log_destination": logs,
        "log_directory": logs,
        "log_filename": logs,
        "log_file_mode": logs,
        "log_rotation_age": logs,
        "log_rotation_size": logs,
        "log_truncate_on_rotation": logs,
        "syslog_facility": logs,
        "syslog_ident": logs,
        "event_source": logs,
    ]

    /// Settings that may be raised but not lowered: slots and senders for every member, a backup and a spare.
    private static let least: [String: Int] = ["max_wal_senders": 10, "max_replication_slots": 10]

    /// Why a user may not set `parameter` (in lower case) to `value`; nil when that is fine.
    static func reason(parameter: String, value: String) -> String? {
        if let reason = reasons[parameter] { return reason }
        if parameter == "wal_level", !["replica", "logical"].contains(value) {
            return "replicas and backups need wal_level replica or logical"
        }
        if let least = least[parameter], (Int(value) ?? 0) < least {
            return "members and backups need \(parameter) of at least \(least)"
        }
        return nil
    }

    /// Options of initdb that have a key of their own or would leave what a clone needs.
    private static let initdbOptions: [(names: [String], reason: String)] = [
        (["-D", "--pgdata"], "set dataDirectory instead"),
        (["-E", "--encoding"], "set bootstrap.initdb.encoding instead"),
        (["--locale", "--no-locale"], "set bootstrap.initdb.locale instead"),
        (["-k", "--data-checksums", "--no-data-checksums"], "set bootstrap.initdb.dataChecksums instead"),
        (["--wal-segsize"], "set bootstrap.initdb.walSegmentSize instead"),
        (["-U", "--username"], "set postgres.superuser instead"),
        (["-W", "--pwprompt", "--pwfile"], "set postgres.superuserPasswordFile instead"),
        (["-A", "--auth", "--auth-host", "--auth-local"], "set postgres.hba instead"),
        (["-X", "--waldir"], "pg_wal stays inside dataDirectory, which is replaced as a whole"),
        (["-N", "--no-sync"], "a data directory that is not on disk is not finished"),
        (
            ["-S", "--sync-only", "-s", "--show", "-V", "--version", "-?", "--help"],
            "options that make a data directory"
        ),
    ]

    static func reason(initdbOption option: String) -> String? {
        let name = String(option.prefix { $0 != "=" })
        // A short option may have its value right behind it: -Elatin1.
        return initdbOptions.first { entry in
            entry.names.contains(name) || (!name.hasPrefix("--") && entry.names.contains(String(name.prefix(2))))
        }?.reason
    }
}
