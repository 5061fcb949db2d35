import Platform

/// Takes a restored directory's ties to the cluster that it was copied from.
///
/// Its configuration names that member's archive, upstream, log and address: started as it is, it would push its WAL
/// into the other's archive and write into its log. Everything else stays as it was.
struct RestoredConfiguration {
    let directory: String

    /// What is taken away, and what it is instead.
    private static let replaced: [(name: String, value: String)] = [
        ("archive_mode", "off"), ("archive_command", "''"), ("archive_library", "''"),
        ("archive_cleanup_command", "''"),
        ("restore_command", "''"), ("recovery_end_command", "''"), ("primary_conninfo", "''"),
        ("primary_slot_name", "''"), ("synchronous_standby_names", "''"), ("cluster_name", "''"),
        ("listen_addresses", "'localhost'"), ("unix_socket_directories", "'/tmp'"),
        // Its former directory let nobody else in, and pg_hba.conf may rely on that.
        ("unix_socket_permissions", "0700"), ("logging_collector", "off"), ("log_destination", "'stderr'"),
    ]

    /// What is taken away without another value: paths of the other machine, whose defaults lead into this directory,
    /// and recovery targets, of which even two empty ones are too many.
    private static let removed = [
        "data_directory", "hba_file", "ident_file", "external_pid_file", "recovery_target", "recovery_target_time",
        "recovery_target_xid", "recovery_target_lsn", "recovery_target_name", "recovery_target_inclusive",
        "recovery_target_timeline", "recovery_target_action",
    ]

    func neutralise() throws {
        let names = Set(Self.replaced.map(\.name) + Self.removed)
        var text = "# Restored by pgmahout: what tied this server to the cluster of the backup has been taken out.\n"
        text += try kept("postgresql.conf", without: names)
        text += "\n# Its own life: no archive, no upstream, local connections.\n"
        for setting in Self.replaced { text += "\(setting.name) = \(setting.value)\n" }
        try write(text, "postgresql.conf")
        try write(try kept("postgresql.auto.conf", without: names), "postgresql.auto.conf")
        if !Files.exists(directory + "/pg_hba.conf") { try write("local all all peer\n", "pg_hba.conf") }
        if !Files.exists(directory + "/pg_ident.conf") { try write("", "pg_ident.conf") }
        try write("", "recovery.signal")
    }

    /// The lines of a file that set none of `names`.
    private func kept(_ file: String, without names: Set<String>) throws -> String {
        let path = directory + "/" + file
        guard Files.exists(path) else { return "" }
        let lines = try Files.readText(path).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.filter { !names.contains(Self.setting(of: $0)) }.joined(separator: "\n")
    }

    /// What a line sets, in lower case; empty for comments.
    static func setting(of line: some StringProtocol) -> String {
        let start = line.drop { $0 == " " || $0 == "\t" }
        return start.prefix { $0 == "_" || $0 == "." || $0.isLetter || $0.isNumber }.lowercased()
    }

    private func write(_ text: String, _ file: String) throws {
        try Files.writeDurably(Array(text.utf8), to: directory + "/" + file)
    }
}
