import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform

/// What makes copied files a backup: its description, and its WAL.
extension BaseBackup {
    func describe(
        _ id: String, _ server: BackupSession.Server, _ start: BackupSession.Start, _ stop: BackupSession.Stop,
        size: UInt64
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
        info.size = size
        return info
    }

    static func timeline(inLabel label: String) -> TimelineID? {
        let mark = "START TIMELINE: "
        let line = label.split(separator: "\n").first { $0.hasPrefix(mark) }
        return line.flatMap { UInt32($0.dropFirst(mark.count)) }.map { TimelineID($0) }
    }

    /// Waits until all WAL that the backup needs is in the archive: before that it cannot be restored.
    func awaitWAL(of info: BackupInfo) throws {
        guard var segment = info.beginWAL, let last = info.endWAL else { return }
        let deadline = BootClock.now() + options.archiveWait
        while segment.number <= last.number {
            if try isArchived(.segment(segment)) {
                segment = segment.next
                continue
            }
            guard BootClock.now() < deadline else {
                throw ArchiveError(
                    .unavailable,
                    "segment \(segment) of the backup did not reach the archive within "
                        + "\(options.archiveWait.milliseconds / 1000) s: is archiving failing, or the server a standby?"
                )
            }
            usleep(200_000)
        }
    }

    private func isArchived(_ name: WALFileName) throws -> Bool {
        for suffix in [codec.suffix, ""] where try store.head(settings.layout.wal(name, suffix: suffix)) != nil {
            return true
        }
        return false
    }
}
