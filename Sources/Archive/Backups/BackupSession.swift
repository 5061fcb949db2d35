import ClusterModel
import Platform
import Postgres

/// The connection that a base backup stands and falls with: the server ends the backup when it is gone.
final class BackupSession {
    private let connection: SQLConnection

    private static let answerTime = Duration.seconds(30)
    /// The checkpoint at the start may have a lot to write.
    private static let checkpointTime = Duration.seconds(3600)

    /// What has to be known of the server.
    struct Server: Hashable {
        let version: Int
        let dataDirectory: String
        let configFile: String?
        let hbaFile: String?
        let identFile: String?
        let systemIdentifier: SystemIdentifier
        let segmentSize: UInt64
        let archiveMode: String
        let inRecovery: Bool
        let dataChecksums: Bool
        /// Bytes of a page.
        let blockSize: Int
        /// Pages of a file.
        let blocksPerFile: UInt32

        var major: Int { version / 10_000 }
    }

    struct Start { let lsn: LSN, time: Timestamp }
    struct Stop { let lsn: LSN, label: String, time: Timestamp }

    init(_ info: ConnectionInfo) throws {
        connection = try SQLConnection.open(info, deadline: BootClock.now() + Self.answerTime)
        for setting in [
            "statement_timeout = 0", "lock_timeout = 0", "idle_session_timeout = 0",
            "idle_in_transaction_session_timeout = 0", "timezone = 'UTC'", "datestyle = 'ISO, YMD'",
        ] { _ = try query("SET \(setting)") }
    }

    func server() throws -> Server {
        let row = try one(
            """
            SELECT current_setting('server_version_num'), current_setting('data_directory'),
              current_setting('config_file'), current_setting('hba_file'), current_setting('ident_file'),
              (SELECT system_identifier FROM pg_control_system()),
              (SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'),
              current_setting('archive_mode'), pg_is_in_recovery(), current_setting('data_checksums'),
              current_setting('block_size'), (SELECT setting FROM pg_settings WHERE name = 'segment_size')
            """, columns: 12)
        guard let version = row[0].flatMap({ Int($0) }), let directory = row[1],
            let system = row[5].flatMap({ SystemIdentifier($0) }), let size = row[6].flatMap({ UInt64($0) }),
            let blockSize = row[10].flatMap({ Int($0) }), let blocks = row[11].flatMap({ UInt32($0) })
        else { throw ArchiveError(.unavailable, "the server does not say what it is") }
        return Server(
            version: version, dataDirectory: directory, configFile: row[2], hbaFile: row[3], identFile: row[4],
            systemIdentifier: system, segmentSize: size, archiveMode: row[7] ?? "off", inRecovery: row[8] == "t",
            dataChecksums: row[9] == "on", blockSize: blockSize, blocksPerFile: blocks)
    }

    /// Those outside of the data directory. To be asked after the start: later ones are made by replay.
    func tablespaces() throws -> [BackupInfo.Tablespace] {
        try query(
            """
            SELECT spcname, oid::text, pg_tablespace_location(oid) FROM pg_tablespace
              WHERE pg_tablespace_location(oid) LIKE '/%' ORDER BY oid
            """
        ).compactMap { row in
            guard row.count == 3, let name = row[0], let oid = row[1].flatMap({ UInt32($0) }), let place = row[2]
            else { return nil }
            return BackupInfo.Tablespace(name: name, oid: oid, location: place)
        }
    }

    /// What a standby follows; nil when it follows nobody, or says it in words that are not ours.
    func upstream() throws -> ConnectionInfo? {
        let row = try one("SELECT current_setting('primary_conninfo')", columns: 1)
        return row[0].flatMap { ConnectionInfo(conninfo: $0, applicationName: "pgmahout backup") }
    }

    /// Begins the backup.
    /// - Parameter fast: whether to make the checkpoint at once instead of spread over minutes.
    func start(label: String, fast: Bool, version: Int) throws -> Start {
        let row = try one(
            version >= 150_000
                ? "SELECT pg_backup_start($1, $2::bool)::text, now()::text"
                : "SELECT pg_start_backup($1, $2::bool, false)::text, now()::text",
            [label, fast ? "true" : "false"], columns: 2, time: Self.checkpointTime)
        guard let lsn = row[0].flatMap({ LSN($0) }), let time = row[1].flatMap({ Timestamp($0) }) else {
            throw ArchiveError(.unavailable, "the server gave no start of the backup")
        }
        return Start(lsn: lsn, time: time)
    }

    /// Ends the backup. Does not wait for its WAL to be archived: that is looked up in the archive itself.
    func stop(version: Int) throws -> Stop {
        let row = try one(
            version >= 150_000
                ? "SELECT lsn::text, labelfile FROM pg_backup_stop(false)"
                : "SELECT lsn::text, labelfile FROM pg_stop_backup(false, false)", columns: 2)
        // In a later statement: a transaction that commits before the end of the backup must not be later than
        // the backup's own time, or a recovery to that time would stop before it is consistent.
        let now = try one("SELECT clock_timestamp()::text", columns: 1)
        guard let lsn = row[0].flatMap({ LSN($0) }), let label = row[1], let time = now[0].flatMap({ Timestamp($0) })
        else { throw ArchiveError(.unavailable, "the server gave no end of the backup") }
        return Stop(lsn: lsn, label: label, time: time)
    }

    private func query(_ sql: String, _ parameters: [String?] = [], time: Duration = answerTime) throws -> [[String?]] {
        do throws(SQLError) {
            return try connection.query(sql, parameters, deadline: BootClock.now() + time)
        } catch {
            throw ArchiveError(.unavailable, "the server: \(error)")
        }
    }

    private func one(_ sql: String, _ parameters: [String?] = [], columns: Int, time: Duration = answerTime) throws
        -> [String?]
    {
        guard let row = try query(sql, parameters, time: time).first, row.count == columns else {
            throw ArchiveError(.unavailable, "the server gave no answer")
        }
        return row
    }
}
