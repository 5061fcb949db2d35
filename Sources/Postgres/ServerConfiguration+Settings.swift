import ClusterModel

/// postgresql.conf as text.
extension ServerConfiguration {
    static let initdbFile = "postgresql.conf.initdb"
    static let header = "# Written by pgmahout before every start and reload: changes made here are lost.\n"

    func renderSettings(_ role: Role, control: ControlData?) -> String {
        let managed = managedSettings(role, control: control)
        let ours = Set(managed.map(\.name))
        var text = Self.header
        text += "# Your settings belong into postgres.parameters of pgmahout's own configuration.\n\n"
        text += "include_if_exists = '\(Self.initdbFile)'\n\n"
        for (name, value) in defaults where parameters[name] == nil { text += Self.line(name, value) }
        for (name, value) in parameters.sorted(by: { $0.key < $1.key }) where !ours.contains(name) {
            text += Self.line(name, value)
        }
        text += "\n"
        for (name, value) in managed { text += Self.line(name, value) }
        return text
    }

    /// What a user may set otherwise.
    private var defaults: [(name: String, value: String)] {
        [
            // A replica that was away for a moment finds what it missed even without its slot.
            ("wal_keep_size", "128MB"),
            // The server's own connections go on working when applications have used up theirs.
            ("superuser_reserved_connections", "5"),
            // Both ends notice within seconds that the other is gone.
            ("wal_receiver_timeout", "5s"),
            ("wal_sender_timeout", "10s"),
            ("wal_receiver_status_interval", "1s"),
            ("wal_retrieve_retry_interval", "500ms"),
            ("tcp_keepalives_idle", "10"),
            ("tcp_keepalives_interval", "3"),
            ("tcp_keepalives_count", "3"),
        ]
    }

    /// What is ours, whatever the user or `ALTER SYSTEM` says.
    func managedSettings(_ role: Role, control: ControlData?) -> [(name: String, value: String)] {
        var list: [(name: String, value: String)] = [
            ("listen_addresses", listen),
            ("port", String(port)),
            ("unix_socket_directories", Self.directoryList(runDirectory)),
            ("cluster_name", member.rawValue),
            ("hot_standby", "on"),
            ("wal_level", parameters["wal_level"] == "logical" || failoverSlots != nil ? "logical" : "replica"),
            ("wal_log_hints", "on"),
            ("full_page_writes", "on"),
            ("restart_after_crash", "on"),
            ("max_replication_slots", String(atLeast(10, "max_replication_slots"))),
        ]
        list += sharedLimits(role, control: control)
        list += logSettings
        list += archiveSettings
        list.append(("recovery_target_timeline", "latest"))
        for target in ["", "_lsn", "_name", "_time", "_xid"] { list.append(("recovery_target" + target, "")) }
        list += upstreamSettings(role)
        list += failoverSlotSettings(role)
        return list + synchronousSettings + admissionSettings
    }

    private func upstreamSettings(_ role: Role) -> [(name: String, value: String)] {
        let delay = ("recovery_min_apply_delay", "\(applyDelayMilliseconds ?? 0)ms")
        switch role {
        case .primary:
            return [("primary_conninfo", ""), ("primary_slot_name", ""), ("recovery_min_apply_delay", "0ms")]
        case .standby(let upstream, let slot):
            return [
                ("primary_conninfo", upstream?.conninfo ?? ""),
                ("primary_slot_name", upstream == nil ? "" : slot ?? ""),
                delay,
            ]
        case .standbyLeader(let remote):
            var list = [
                ("primary_conninfo", remote.conninfo ?? ""),
                ("primary_slot_name", remote.conninfo == nil ? "" : remote.slot ?? ""), delay,
            ]
            // After that of our own archive: the last line counts.
            if restoresFromArchive, let command = remote.restoreCommand { list.append(("restore_command", command)) }
            return list
        }
    }

    /// `sync_replication_slots` needs feedback, a slot on the upstream, and a database in primary_conninfo.
    private func failoverSlotSettings(_ role: Role) -> [(name: String, value: String)] {
        guard let failoverSlots, failoverSlots.major >= 17 else { return [] }
        let slots = failoverSlots.standbySlots.sorted().joined(separator: ", ")
        return [
            ("sync_replication_slots", "on"), ("hot_standby_feedback", "on"), ("synchronized_standby_slots", slots),
        ]
    }

    var synchronousSettings: [(name: String, value: String)] {
        [("synchronous_standby_names", synchronous.standbyNames)]
    }

    var admissionSettings: [(name: String, value: String)] { [(Self.admissionSetting, admitsClients ? "on" : "off")] }

    /// A setting of our own: tells over SQL which pg_hba.conf was loaded with it.
    static let admissionSetting = "pgmahout.admits_clients"

    private var logSettings: [(name: String, value: String)] {
        switch log {
        case .standardError: return [("logging_collector", "off"), ("log_destination", "stderr")]
        case .jsonLines(let directory):
            // The collector puts `.json` in the place of `.log`, and never rotates.
            return [
                ("logging_collector", "on"), ("log_destination", "jsonlog"), ("log_directory", directory),
                ("log_filename", "postgres.log"), ("log_file_mode", "0600"), ("log_rotation_age", "0"),
                ("log_rotation_size", "0"), ("log_truncate_on_rotation", "off"),
            ]
        }
    }

    private var archiveSettings: [(name: String, value: String)] {
        guard let archive else {
            return [("archive_mode", "off"), ("archive_command", ""), ("restore_command", "")]
        }
        func command(_ verb: String, _ arguments: String) -> String {
            let program = Self.shellWord(archive.program)
            return "\(program) \(verb) --socket \(Self.shellWord(archive.socket)) \(arguments)"
        }
        return [
            ("archive_mode", archive.always ? "always" : "on"),
            ("archive_command", command("push", "%p %f")),
            ("restore_command", restoresFromArchive ? command("fetch", "%f %p") : ""),
        ]
    }

    /// Limits that size shared memory: a standby whose value is below what the WAL says of the primary's does not
    /// start, so a lowered value takes effect on the primary first.
    private func sharedLimits(_ role: Role, control: ControlData?) -> [(name: String, value: String)] {
        let found = control?.settings
        let limits: [(name: String, initial: Int, least: Int, found: Int32?)] = [
            ("max_connections", 100, 0, found?.maxConnections),
            ("max_worker_processes", 8, 0, found?.maxWorkerProcesses),
            ("max_wal_senders", 10, 10, found?.maxWALSenders),
            ("max_prepared_transactions", 0, 0, found?.maxPreparedTransactions),
            ("max_locks_per_transaction", 64, 0, found?.maxLocksPerTransaction),
        ]
        // In every role, and always with a value: one that appears or vanishes with a promotion would count as changed,
        // and wait for a restart.
        return limits.map { limit in
            let value = max(parameters[limit.name].flatMap { Int($0) } ?? limit.initial, limit.least)
            if role != .primary, let found = limit.found { return (limit.name, String(max(value, Int(found)))) }
            return (limit.name, String(value))
        }
    }

    private func atLeast(_ least: Int, _ name: String) -> Int {
        max(least, parameters[name].flatMap { Int($0) } ?? least)
    }

    // MARK: Quoting

    static func line(_ name: String, _ value: String) -> String { "\(name) = \(quote(value))\n" }

    /// A string of postgresql.conf: quotes are doubled, backslashes escape.
    static func quote(_ value: String) -> String {
        var text = "'"
        for character in value.unicodeScalars {
            switch character {
            case "'": text += "''"
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            default: text.unicodeScalars.append(character)
            }
        }
        return text + "'"
    }

    /// One element of a setting that is a list of directories.
    static func directoryList(_ directory: String) -> String {
        guard directory.contains(where: { $0 == "," || $0 == "\"" || $0 == " " }) else { return directory }
        return "\"" + directory.replacing("\"", with: "\"\"") + "\""
    }

    /// A word of a command that the server hands to sh after it replaced `%p`, `%f` and `%%`.
    static func shellWord(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            byte >= 0x80 || "/._-+:@".utf8.contains(byte)
                || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
                || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
        }
        if plain, !word.isEmpty { return word }
        return "'" + word.replacing("'", with: "'\\''").replacing("%", with: "%%") + "'"
    }

    /// `text` with other values for these settings; those it has no line for come last.
    static func replacing(_ settings: [(name: String, value: String)], in text: String) -> String {
        var result = withoutSettings(Set(settings.map(\.name)), text)
        if !result.hasSuffix("\n") { result += "\n" }
        for (name, value) in settings { result += line(name, value) }
        return result
    }

    /// The text of postgresql.auto.conf without lines that set one of `names`.
    static func withoutSettings(_ names: Set<String>, _ text: String) -> String {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { line in
            let name = line.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "=" && $0 != "\t" }
            return !names.contains(name.lowercased())
        }
        return kept.joined(separator: "\n")
    }
}
