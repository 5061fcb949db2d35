import Platform
import Postgres

/// Takes a restored directory's ties to the cluster that it was copied from.
///
/// Its configuration names that member's archive, upstream, log, certificates and address: started as it is, it would
/// push its WAL into the other's archive and write into its log. Everything else stays as it was.
struct RestoredConfiguration {
    let directory: String
    /// What recovery needs at least, as the backup's own `pg_control` tells.
    let control: ControlData

    /// What is taken away, and what it is instead.
    private static let replaced: [(name: String, value: String)] = [
        ("archive_mode", "off"), ("archive_command", "''"), ("archive_library", "''"),
        ("archive_cleanup_command", "''"),
        ("restore_command", "''"), ("recovery_end_command", "''"), ("primary_conninfo", "''"),
        ("primary_slot_name", "''"), ("synchronous_standby_names", "''"), ("cluster_name", "''"),
        ("listen_addresses", "'localhost'"), ("unix_socket_directories", "'/tmp'"),
        // Its former directory let nobody else in, and pg_hba.conf may rely on that.
        ("unix_socket_permissions", "0700"), ("logging_collector", "off"), ("log_destination", "'stderr'"),
        // Its certificates are files of the other machine.
        ("ssl", "off"),
    ]
    /// What is taken away without another value: paths of the other machine, whose defaults lead into this directory,
    /// and recovery targets, of which even two empty ones are too many.
    private static let removed: Set<String> = [
        "data_directory", "hba_file", "ident_file", "external_pid_file", "recovery_target", "recovery_target_time",
        "recovery_target_xid", "recovery_target_lsn", "recovery_target_name", "recovery_target_inclusive",
        "recovery_target_timeline", "recovery_target_action",
    ]
    private static let names = removed.union(replaced.map(\.name))
    private static let file = "postgresql.conf"
    private static let deepest = 10

    /// - Parameter recovery: further settings, for a server that recovers when it is started.
    func neutralise(recovery: [(name: String, value: String)] = []) throws {
        var values: [String: Int] = [:]
        var text = "# Restored by pgmahout: what tied this server to the cluster of the backup has been taken out.\n"
        text += try kept(Self.file, &values, depth: 0)
        let auto = try kept("postgresql.auto.conf", &values, depth: 0)
        text += "\n# Its own life: no archive, no upstream, local connections.\n"
        for setting in Self.replaced { text += "\(setting.name) = \(setting.value)\n" }
        var raised = ""
        for (name, least) in limits where (values[name] ?? 0) < least { raised += "\(name) = \(least)\n" }
        if !raised.isEmpty { text += "\n# Recovery needs as much as the former primary had.\n" + raised }
        if !recovery.isEmpty {
            text += "\n# How it recovers.\n"
            for (name, value) in recovery { text += "\(name) = \(Self.quoted(value))\n" }
        }
        try write(text, Self.file)
        // A line of ALTER SYSTEM would win over a raised limit.
        let low = Set(limits.filter { (values[$0.name] ?? 0) < $0.least }.map(\.name))
        try write(Self.lines(of: auto, without: low), "postgresql.auto.conf")
        if !Files.exists(directory + "/pg_hba.conf") { try write("local all all peer\n", "pg_hba.conf") }
        if !Files.exists(directory + "/pg_ident.conf") { try write("", "pg_ident.conf") }
    }

    private var limits: [(name: String, least: Int)] {
        let found = control.settings
        return [
            ("max_connections", Int(found.maxConnections)),
            ("max_worker_processes", Int(found.maxWorkerProcesses)),
            ("max_wal_senders", Int(found.maxWALSenders)),
            ("max_prepared_transactions", Int(found.maxPreparedTransactions)),
            ("max_locks_per_transaction", Int(found.maxLocksPerTransaction)),
        ]
    }

    /// The lines of a file that set nothing of ours. Files of this directory that it includes are treated the same way
    /// in their place; others belong to the former machine, and are left out.
    /// - Parameter values: limits as they are set, the last one counts.
    private func kept(_ file: String, _ values: inout [String: Int], depth: Int) throws -> String {
        let path = directory + "/" + file
        guard depth < Self.deepest, Files.exists(path) else { return "" }
        var result: [String] = []
        for line in try Files.readText(path).split(separator: "\n", omittingEmptySubsequences: false) {
            let name = Self.setting(of: line)
            switch name {
            case "include", "include_if_exists":
                let included = Self.value(of: line)
                let local =
                    included.hasPrefix(directory + "/") ? String(included.dropFirst(directory.count + 1)) : included
                guard !local.hasPrefix("/"), !local.contains(".."), Files.exists(directory + "/" + local) else {
                    result.append("# pgmahout: \(line)")
                    continue
                }
                let text = try kept(local, &values, depth: depth + 1)
                try write(text, local)
                result.append(String(line))
            case "include_dir":
                result.append("# pgmahout: \(line)")
            case _ where Self.names.contains(name): continue
            default:
                if let value = Int(Self.value(of: line)) { values[name] = value }
                result.append(String(line))
            }
        }
        return result.joined(separator: "\n")
    }

    private static func lines(of text: String, without names: Set<String>) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).filter { !names.contains(setting(of: $0)) }
            .joined(separator: "\n")
    }

    /// What a line sets, in lower case; empty for comments.
    static func setting(of line: some StringProtocol) -> String {
        let start = line.drop { $0 == " " || $0 == "\t" }
        return start.prefix { $0 == "_" || $0 == "." || $0.isLetter || $0.isNumber }.lowercased()
    }

    /// The value of a line, without quotes and comment.
    static func value(of line: some StringProtocol) -> String {
        let start = line.drop { $0 == " " || $0 == "\t" }
        var rest = start.drop { $0 == "_" || $0 == "." || $0.isLetter || $0.isNumber }
            .drop { $0 == " " || $0 == "\t" || $0 == "=" }
        guard rest.first == "'" else { return String(rest.prefix { $0 != " " && $0 != "\t" && $0 != "#" }) }
        rest.removeFirst()
        return String(rest.prefix { $0 != "'" })
    }

    /// A string of postgresql.conf.
    private static func quoted(_ value: String) -> String {
        "'" + value.replacing("\\", with: "\\\\").replacing("'", with: "''") + "'"
    }

    private func write(_ text: String, _ file: String) throws {
        try Files.writeDurably(Array(text.utf8), to: directory + "/" + file)
    }
}
