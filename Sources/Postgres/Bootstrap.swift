import Glibc
import Platform

/// The SQL that makes a fresh initdb a cluster of ours. It runs in single-user mode on the staging directory
/// (`Tools.finishBootstrap`): no socket, no window in which a half-made server could be reached, and a crash leaves
/// only a staging directory.
package enum Bootstrap {
    /// Statements for `postgres --single -j`, which ends each at a semicolon and an empty line.
    ///
    /// The replication user gets what streaming, pg_rewind, status reports and checkpoints need, and is no superuser.
    /// - Parameters:
    ///   - superuserPassword: nil: none, so that it can only come in over the local socket.
    ///   - replicationPassword: nil: none; see `ServerConfiguration.replicationPasswordFile`.
    ///   - isRestored: whether roles may be there already, with passwords of the cluster that they come from: those are
    ///     replaced, or taken away where there is none to replace them.
    package static func script(
        superuser: String, superuserPassword: String?, replicationUser: String, replicationPassword: String?,
        isRestored: Bool = false
    ) throws(DataDirectoryError) -> String {
        var statements: [String] = []
        if isRestored {
            statements.append(try createUnlessThere(superuser))
            statements.append("ALTER ROLE \(name(superuser)) SUPERUSER LOGIN PASSWORD NULL VALID UNTIL 'infinity'")
        }
        if let superuserPassword {
            statements.append("ALTER ROLE \(name(superuser)) PASSWORD \(try literal(superuserPassword))")
        }
        let role = name(replicationUser)
        if replicationUser != superuser {
            if isRestored {
                statements.append(try createUnlessThere(replicationUser))
                statements.append("ALTER ROLE \(role) LOGIN REPLICATION PASSWORD NULL VALID UNTIL 'infinity'")
            } else {
                statements.append("CREATE ROLE \(role) LOGIN REPLICATION")
            }
            statements.append("GRANT pg_monitor, pg_checkpoint TO \(role)")
            // A backup of a standby ends with a segment that only the primary can complete.
            statements.append("GRANT EXECUTE ON FUNCTION pg_catalog.pg_switch_wal() TO \(role)")
            for function in rewindFunctions { statements.append("GRANT EXECUTE ON FUNCTION \(function) TO \(role)") }
        }
        if let replicationPassword {
            statements.append("ALTER ROLE \(role) PASSWORD \(try literal(replicationPassword))")
        }
        return statements.map { $0 + ";\n\n" }.joined()
    }

    /// On one line: a semicolon before an empty line would end the statement.
    private static func createUnlessThere(_ role: String) throws(DataDirectoryError) -> String {
        let text = try literal(role)
        return "DO $do$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = \(text)) THEN "
            + "CREATE ROLE \(name(role)); END IF; END $do$"
    }

    /// A descriptor from which the program reads the script: passwords touch neither a file nor an argument list.
    package static func descriptor(of script: String) throws(SystemError) -> FileDescriptor {
        let ends = try Pipe.makePipe()
        let read = FileDescriptor(owning: ends.read)
        let write = FileDescriptor(owning: ends.write)
        // What fits into a pipe does not wait for a reader.
        guard script.utf8.count <= 16 << 10 else { throw SystemError("pass on a script", code: E2BIG) }
        try write.write(script.utf8)
        try write.close()
        return read
    }

    /// What pg_rewind calls at its source.
    private static let rewindFunctions = [
        "pg_catalog.pg_ls_dir(text, boolean, boolean)", "pg_catalog.pg_stat_file(text, boolean)",
        "pg_catalog.pg_read_binary_file(text)", "pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)",
    ]

    private static func name(_ text: String) -> String { "\"" + text.replacing("\"", with: "\"\"") + "\"" }

    private static func literal(_ text: String) throws(DataDirectoryError) -> String {
        guard !text.isEmpty, !text.contains(where: \.isNewline), !text.contains("\0") else {
            throw DataDirectoryError("a password must be one line, and not an empty one")
        }
        return "'" + text.replacing("'", with: "''") + "'"
    }
}
