/// pg_hba.conf as text: the first line that matches decides, so ours come first.
extension ServerConfiguration {
    func renderHostBasedAccess() -> String {
        let superuser = Self.quoteName(superuser)
        let replication = Self.quoteName(replicationUser)
        var text = Self.header
        text += "# Only the server's own user can enter the directory of the socket.\n"
        text += "local all \(superuser) trust\nlocal replication \(superuser) trust\n"
        text += "# Members: streaming and base backups; pg_rewind reads files through SQL.\n"
        let isTrusted = replicationPasswordFile == nil
        for address in isTrusted ? ["samehost", "samenet"] : ["all"] {
            for database in ["replication", "\"postgres\""] {
                let method = isTrusted ? "trust" : "scram-sha-256"
                text += "host \(database) \(replication) \(address) \(method)\n"
            }
        }
        guard admitsClients else { return text + "# Nobody else until standbys have caught up.\n" }
        text += "# From postgres.hba.\n"
        for line in hostBasedAccess { text += line.replacing("\n", with: " ") + "\n" }
        return text
    }

    /// In quotes a name is only a name: never `all`, `replication` or `+group`.
    static func quoteName(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }
}
