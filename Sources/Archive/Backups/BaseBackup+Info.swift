import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres

/// What makes copied files a backup: its description, and its WAL.
extension BaseBackup {
    func describe(
        _ id: String, _ server: BackupSession.Server, _ start: BackupSession.Start, _ stop: BackupSession.Stop,
        tablespaces: [BackupInfo.Tablespace], size: UInt64, corruptPages: [CorruptPage]
    ) throws -> BackupInfo {
        var info = BackupInfo(id: id, status: .done)
        info.name = options.name
        info.label = stop.label
        info.beginTime = start.time
        info.endTime = stop.time
        info.beginLSN = start.lsn
        info.endLSN = stop.lsn
        // From the label: pg_control may still tell the timeline before a promotion.
        guard let timeline = Self.timeline(inLabel: stop.label) else {
            throw ArchiveError(.unavailable, "the backup label names no timeline")
        }
        info.timeline = timeline
        info.systemIdentifier = server.systemIdentifier
        info.serverVersion = server.version
        info.segmentSize = server.segmentSize
        info.dataDirectory = server.dataDirectory
        info.configFile = server.configFile
        info.hbaFile = server.hbaFile
        info.identFile = server.identFile
        info.tablespaces = tablespaces
        info.size = size
        info.corruptPages = corruptPages.map(\.description)
        return info
    }

    static func timeline(inLabel label: String) -> TimelineID? {
        let mark = "START TIMELINE: "
        let line = label.split(separator: "\n").first { $0.hasPrefix(mark) }
        return line.flatMap { UInt32($0.dropFirst(mark.count)) }.map { TimelineID($0) }
    }

    /// Waits until all WAL that the backup needs is in the archive: before that it cannot be restored.
    /// - Parameter check: called some times a second.
    func awaitWAL(of info: BackupInfo, _ check: () throws -> Void) throws {
        guard var segment = info.beginWAL, let last = info.endWAL else { return }
        let deadline = BootClock.now() + options.archiveWait
        while segment.number <= last.number {
            if try isArchived(.segment(segment)) {
                segment = segment.next
                continue
            }
            try check()
            guard BootClock.now() < deadline else {
                throw ArchiveError(
                    .unavailable,
                    "segment \(segment) of the backup did not reach the archive within "
                        + "\(options.archiveWait.milliseconds / 1000) s: is archiving failing, or the primary not ending "
                        + "its segment?")
            }
            usleep(50_000)
        }
    }

    /// Sees to it that the segment with the end of a standby's backup gets complete: only the primary can end it, and
    /// ends it only when something was written.
    /// - Returns: why that could not be done; then it happens by itself, some time.
    func endSegment(of info: BackupInfo, through primary: ConnectionInfo?) -> String? {
        guard let last = info.endWAL else { return nil }
        guard let primary else { return "the standby follows no primary" }
        do throws(SQLError) {
            let connection = try SQLConnection.open(primary, deadline: BootClock.now() + .seconds(10))
            defer { connection.close() }
            let deadline = BootClock.now() + .seconds(20)
            // Flushed at once, so that the switch is not the first thing in a segment, which would do nothing.
            _ = try connection.query(
                """
                SELECT pg_logical_emit_message(true, 'pgmahout', $1) WHERE pg_current_wal_insert_lsn() < $2::pg_lsn
                """, ["end of backup \(info.id)", "\(last.end)"], deadline: deadline)
            _ = try connection.query(
                "SELECT pg_switch_wal() WHERE pg_current_wal_insert_lsn() < $1::pg_lsn", ["\(last.end)"],
                deadline: deadline)
            return nil
        } catch { return "the primary at \(primary.host):\(primary.port) does not end its segment: \(error)" }
    }

    private func isArchived(_ name: WALFileName) throws -> Bool {
        for suffix in [codec.suffix, ""] where try store.head(settings.layout.wal(name, suffix: suffix)) != nil {
            return true
        }
        return false
    }
}
