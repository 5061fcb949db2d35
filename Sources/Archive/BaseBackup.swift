import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// How far a backup or a restore is.
package struct ArchiveProgress: Hashable, Sendable {
    /// What is being done, in a few words.
    package var phase: String
    /// Uncompressed bytes.
    package var bytesDone: UInt64
    /// 0: not known.
    package var bytesTotal: UInt64

    package init(phase: String, bytesDone: UInt64 = 0, bytesTotal: UInt64 = 0) {
        self.phase = phase
        self.bytesDone = bytesDone
        self.bytesTotal = bytesTotal
    }
}

/// A base backup of a running server into the archive.
///
/// Order of things: parts → `pg_control` → `backup_label` → the WAL from begin to end is in the archive →
/// `backup.info`. Whatever is interrupted before the last of these is no backup, and nobody takes it for one.
/// Tablespaces outside of the data directory are refused for now.
package struct BaseBackup {
    let settings: ArchiveSettings
    let options: Options
    let store: any ObjectStore
    let codec: any Codec

    package struct Options: Hashable, Sendable {
        /// Shown by `backup list`; nil: none.
        package var name: String?
        /// Whether the first checkpoint is made at once.
        package var fastCheckpoint = true
        /// How long the WAL of the backup may take to reach the archive.
        package var archiveWait = Duration.seconds(300)

        package init() {}
    }

    private init(_ settings: ArchiveSettings, _ options: Options) throws(ObjectStoreError) {
        self.settings = settings
        self.options = options
        store = try settings.location.open()
        codec = GzipCodec(level: settings.compressionLevel)
    }

    /// Takes a backup; returns once it is complete and durable. Blocks the calling thread.
    ///
    /// - Parameters:
    ///   - settings: `dataDirectory` must be that of the server; `parallel` parts are written at a time.
    ///   - connection: to that server, as a user that may take backups.
    ///   - progress: called on the calling thread, some times a second.
    /// - Throws: `ArchiveError`. What a failed backup has written is removed.
    package static func take(
        _ settings: ArchiveSettings, connection: ConnectionInfo, options: Options = Options(),
        progress: (ArchiveProgress) -> Void = { _ in }
    ) throws(ArchiveError) -> BackupInfo {
        do {
            return try BaseBackup(settings, options).take(connection, progress)
        } catch { throw ArchiveError(error) }
    }

    private func take(_ connection: ConnectionInfo, _ progress: (ArchiveProgress) -> Void) throws -> BackupInfo {
        progress(ArchiveProgress(phase: "connecting"))
        let session = try BackupSession(connection)
        let server = try session.server()
        try check(server)
        try ArchiveOwner.claim(store, settings.layout, for: server.systemIdentifier, cluster: settings.cluster) {}
        let id = try freeID()
        progress(ArchiveProgress(phase: "checkpoint"))
        let start = try session.start(label: "pgmahout \(id)", fast: options.fastCheckpoint, version: server.version)
        let copy = BackupCopy(
            try BackupFileList(dataDirectory: settings.dataDirectory), id: id, dataDirectory: settings.dataDirectory,
            store: store, layout: settings.layout, codec: codec)
        do {
            let stop = try run(copy, session, server, progress)
            let info = try describe(id, server, start, stop, size: copy.total)
            progress(ArchiveProgress(phase: "waiting for WAL", bytesDone: copy.total, bytesTotal: copy.total))
            try awaitWAL(of: info)
            guard try store.putIfAbsent(settings.layout.backupInfo(id), Array(info.text.utf8)) == .created else {
                throw ArchiveError(.refused, "backup \(id) exists already")
            }
            return info
        } catch {
            if isConfirmedUnfinished(id) { copy.remove() }
            throw error
        }
    }

    /// False as well when the archive does not say: parts of a backup that may have been published stay.
    private func isConfirmedUnfinished(_ id: String) -> Bool {
        do { return try store.head(settings.layout.backupInfo(id)) == nil } catch { return false }
    }

    // MARK: Before

    private func check(_ server: BackupSession.Server) throws {
        let mine = try Files.canonicalPath(settings.dataDirectory)
        guard try Files.canonicalPath(server.dataDirectory) == mine else {
            throw ArchiveError(
                .refused,
                "the server runs in '\(server.dataDirectory)', and '\(settings.dataDirectory)' was to be backed up")
        }
        guard server.tablespaces.isEmpty else {
            throw ArchiveError(
                .refused,
                "tablespaces outside of the data directory cannot be backed up yet: "
                    + server.tablespaces.joined(separator: ", "))
        }
        guard server.archiveMode != "off" else {
            throw ArchiveError(.refused, "archive_mode is off: a backup without its WAL cannot be restored")
        }
    }

    /// The present second in UTC, unless another backup has it.
    private func freeID() throws -> String {
        for _ in 0..<10 {
            let id = Timestamp(microseconds: Int64(time(nil)) * 1_000_000).compact
            if try store.listAll("\(settings.layout.backup(id))/").objects.isEmpty { return id }
            usleep(250_000)
        }
        throw ArchiveError(.unavailable, "too many backups at once")
    }

    // MARK: Copying

    /// This thread fills the first part, which is the last to be closed; others fill further parts.
    private func run(
        _ copy: BackupCopy, _ session: BackupSession, _ server: BackupSession.Server,
        _ progress: (ArchiveProgress) -> Void
    ) throws -> BackupSession.Stop {
        let first = try copy.makePart(0)
        var nextReport = BootClock.now()
        func report() {
            guard BootClock.now() >= nextReport else { return }
            nextReport = BootClock.now() + .milliseconds(250)
            progress(ArchiveProgress(phase: "copying", bytesDone: copy.bytesCopied, bytesTotal: copy.total))
        }
        do {
            for directory in copy.directories { try first.add(directory: directory) }
            let others = try ParallelWork(settings.parallel - 1, name: "backup") { index, cancellation in
                try copy.makeWholePart(index + 1, cancellation)
            }
            do {
                try copy.fill(first) {
                    try others.cancellation.check()
                    report()
                }
                try others.finish(meanwhile: report)
            } catch { throw others.cancel(because: error) }
            // Behind all data: on a standby it says how far recovery must go at least.
            let control = try stableControlFile()
            try first.add(header("global/pg_control", size: control.count), content: control)
            let stop = try session.stop(version: server.version)
            let label = Array(stop.label.utf8)
            try first.add(header("backup_label", size: label.count), content: label)
            try copy.commit(first, 0)
            return stop
        } catch {
            first.abort()
            throw error
        }
    }

    /// The server rewrites the file in place: what is read twice with a good checksum in between is whole.
    private func stableControlFile() throws -> [UInt8] {
        let path = settings.dataDirectory + "/global/pg_control"
        for _ in 0..<100 {
            let content = try Files.read(path, limit: 64 << 10)
            _ = try ControlData.read(dataDirectory: settings.dataDirectory)
            if try Files.read(path, limit: 64 << 10) == content { return content }
            usleep(10_000)
        }
        throw ArchiveError(.unavailable, "'\(path)' changes all the time")
    }

    private func header(_ name: String, size: Int) -> TarHeader {
        TarHeader(
            name: name, kind: .file, mode: 0o600, owner: geteuid(), group: getegid(), size: UInt64(size),
            modified: Int64(time(nil)))
    }
}
