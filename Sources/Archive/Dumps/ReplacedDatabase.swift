import ClusterModel
import Platform
import Postgres

/// A database that makes room for a restored one: it gets another name, and is dropped when the new one is whole. A restore
/// that fails, or is killed, leaves it.
struct ReplacedDatabase {
    private let name: String
    private let aside: String

    /// Ends its sessions, lets nobody in, and renames it.
    /// - Returns: nil: there is no such database.
    init?(_ name: String, _ connection: SQLConnection, _ deadline: Instant) throws {
        let rows = try connection.query("SELECT oid FROM pg_database WHERE datname = $1", [name], deadline: deadline)
        guard let oid = rows.first?.first ?? nil else { return nil }
        self.name = name
        // Not longer than a name may be, and nobody else's.
        aside = "pgmahout replaced \(oid)"
        let statements = [
            "ALTER DATABASE \(Self.quoted(name)) ALLOW_CONNECTIONS false",
            "ALTER DATABASE \(Self.quoted(name)) RENAME TO \(Self.quoted(aside))",
        ]
        do {
            _ = try connection.query(statements[0], [], deadline: deadline)
            _ = try connection.query(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1", [name],
                deadline: deadline)
            _ = try connection.query(statements[1], [], deadline: deadline)
        } catch {
            _ = try? connection.query(
                "ALTER DATABASE \(Self.quoted(name)) ALLOW_CONNECTIONS true", [], deadline: deadline)
            throw error
        }
    }

    func drop(_ connection: SQLConnection, _ deadline: Instant) throws {
        _ = try connection.query("DROP DATABASE \(Self.quoted(aside))", [], deadline: deadline)
    }

    /// What was restored in part goes, and the old one gets its name back.
    /// - Returns: what to throw.
    func putBack(because reason: any Error, _ connection: SQLConnection, _ deadline: Instant) -> ArchiveError {
        do {
            for statement in [
                "DROP DATABASE IF EXISTS \(Self.quoted(name)) WITH (FORCE)",
                "ALTER DATABASE \(Self.quoted(aside)) RENAME TO \(Self.quoted(name))",
                "ALTER DATABASE \(Self.quoted(name)) ALLOW_CONNECTIONS true",
            ] { _ = try connection.query(statement, [], deadline: deadline) }
            return ArchiveError(reason)
        } catch {
            return ArchiveError(
                .refused, "\(reason); the database '\(name)' is kept as '\(aside)', and cannot be put back: \(error)")
        }
    }

    static func quoted(_ name: String) -> String { "\"" + name.replacing("\"", with: "\"\"") + "\"" }
}
