import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres

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

/// A base backup of a running server, primary or standby, into the archive.
///
/// Order of things: lock → parts with their indexes → `pg_control` → `backup_label` → `backup_manifest` → the WAL from
/// begin to end is in the archive → `backup.info`. Whatever is interrupted before the last of these is no backup, and
/// nobody takes it for one.
package struct BaseBackup {
    let settings: ArchiveSettings
    let options: Options
    let store: any ObjectStore
    private let isInterrupted: () -> Bool
    let codec: GzipCodec

    package struct Options: Hashable, Sendable {
        /// Which server it may be taken from.
        package enum Source: String, Hashable, Sendable, CaseIterable {
            case any, primary, standby
        }

        /// Shown by `backup list`; nil: none.
        package var name: String?
        /// Who takes it, for those who want to take one at the same time; nil: the host.
        package var member: String?
        package var source = Source.any
        /// Whether the first checkpoint is made at once.
        package var fastCheckpoint = true
        /// How long the WAL of the backup may take to reach the archive.
        package var archiveWait = Duration.seconds(300)
        /// Bytes read a second; 0: no limit.
        package var rate: UInt64 = 0
        /// Whether a backup with pages whose checksums are wrong is better than none.
        package var keepsCorruptPages = false

        package init() {}
    }

    private init(_ settings: ArchiveSettings, _ options: Options, _ isInterrupted: @escaping () -> Bool)
        throws(ObjectStoreError)
    {
        self.settings = settings
        self.isInterrupted = isInterrupted
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
    ///   - isInterrupted: asked some times a second once files are copied; true ends the backup.
    /// - Throws: `ArchiveError`. What a failed backup has written is removed.
    package static func take(
        _ settings: ArchiveSettings, connection: ConnectionInfo, options: Options = Options(),
        progress: (ArchiveProgress) -> Void = { _ in }, isInterrupted: @escaping () -> Bool = { false }
    ) throws(ArchiveError) -> BackupInfo {
        do {
            return try BaseBackup(settings, options, isInterrupted).take(connection, progress)
        } catch { throw ArchiveError(error) }
    }

    private func take(_ connection: ConnectionInfo, _ progress: (ArchiveProgress) -> Void) throws -> BackupInfo {
        progress(ArchiveProgress(phase: "connecting"))
        let session = try BackupSession(connection)
        let server = try session.server()
        try check(server)
        try ArchiveOwner.claim(store, settings.layout, for: server.systemIdentifier, cluster: settings.cluster) {}
        let id = try freeID()
        let cancellation = ParallelWork.Cancellation()
        let lock = try BackupLock(
            store, settings.layout, name: options.member ?? Self.hostName, backupID: id, lost: cancellation.cancel)
        defer { lock.end() }
        if let abandoned = lock.abandoned { try AbandonedBackup(abandoned, store, settings.layout).close() }
        do {
            return try take(id, session, server, cancellation, progress)
        } catch let error as ParallelWork.CancelledError {
            guard try BackupLock.current(store, settings.layout) == nil else {
                throw ArchiveError(.refused, "another backup has taken over, because this one gave no sign of life")
            }
            throw error
        }
    }

    private func take(
        _ id: String, _ session: BackupSession, _ server: BackupSession.Server,
        _ cancellation: ParallelWork.Cancellation, _ progress: (ArchiveProgress) -> Void
    ) throws -> BackupInfo {
        progress(ArchiveProgress(phase: "checkpoint"))
        let start = try session.start(label: "pgmahout \(id)", fast: options.fastCheckpoint, version: server.version)
        let tablespaces = try session.tablespaces()
        let checksums =
            server.dataChecksums && server.blockSize == PageChecksums.pageSize
            ? PageChecksums(start: start.lsn, blocksPerFile: server.blocksPerFile) : nil
        let copy = try BackupCopy(
            BackupPlan(try lists(tablespaces, server), parallel: settings.parallel), id: id, store: store,
            layout: settings.layout, codec: codec, checksums: checksums, parallel: settings.parallel,
            progress: BackupProgress(limit: RateLimit(bytesPerSecond: options.rate), cancellation: cancellation))
        do {
            try run(copy, progress)
            let (stop, size) = try finish(copy, session, server, start)
            let info = try describe(
                id, server, start, stop, tablespaces: tablespaces, size: size,
                corruptPages: copy.progress.corruptPages)
            progress(ArchiveProgress(phase: "waiting for WAL", bytesDone: copy.total, bytesTotal: copy.total))
            if server.inRecovery, let reason = endSegment(of: info, through: try session.upstream()) {
                progress(ArchiveProgress(phase: "waiting for WAL (\(reason))"))
            }
            try awaitWAL(of: info) {
                try cancellation.check()
                try checkInterrupted()
            }
            // One that is equal is our own, whose answer was lost.
            guard try store.putIfAbsent(settings.layout.backupInfo(id), Array(info.text.utf8)) != .different else {
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

    private func checkInterrupted() throws {
        if isInterrupted() { throw ArchiveError(.refused, "the backup was interrupted: nothing of it is kept") }
    }

    // MARK: Before

    private func check(_ server: BackupSession.Server) throws {
        let mine = try Files.canonicalPath(settings.dataDirectory)
        guard try Files.canonicalPath(server.dataDirectory) == mine else {
            throw ArchiveError(
                .refused,
                "the server runs in '\(server.dataDirectory)', and '\(settings.dataDirectory)' was to be backed up")
        }
        guard server.archiveMode != "off" else {
            throw ArchiveError(.refused, "archive_mode is off: a backup without its WAL cannot be restored")
        }
        switch options.source {
        case .primary where server.inRecovery:
            throw ArchiveError(.refused, "this member is a standby: take the backup at the primary")
        case .standby where !server.inRecovery:
            throw ArchiveError(.refused, "this member is the primary: take the backup at a standby")
        case .any, .primary, .standby: break
        }
    }

    private static var hostName: String {
        (try? Files.readText("/proc/sys/kernel/hostname"))?.split(separator: "\n").first.map(String.init)
            ?? "somebody"
    }

    /// The present second in UTC, unless another backup has it.
    private func freeID() throws -> String {
        for _ in 0..<10 {
            let id = Timestamp(microseconds: Int64(time(nil)) * 1_000_000).compact
            if try store.listAll("\(settings.layout.backup(id))/").objects.isEmpty,
                try store.listAll(settings.layout.extras(of: id)).objects.isEmpty
            {
                return id
            }
            usleep(250_000)
        }
        throw ArchiveError(.unavailable, "too many backups at once")
    }

    private func lists(_ tablespaces: [BackupInfo.Tablespace], _ server: BackupSession.Server) throws
        -> [BackupFileList]
    {
        try [BackupFileList(dataDirectory: settings.dataDirectory)]
            + tablespaces.map {
                try BackupFileList(tablespace: $0.oid, at: $0.location, major: server.major)
            }
    }

    // MARK: Copying

    private func run(_ copy: BackupCopy, _ progress: (ArchiveProgress) -> Void) throws {
        var nextReport = BootClock.now()
        try copy.run {
            try copy.progress.cancellation.check()
            try checkInterrupted()
            guard BootClock.now() >= nextReport else { return }
            nextReport = BootClock.now() + .milliseconds(250)
            progress(ArchiveProgress(phase: "copying", bytesDone: copy.progress.bytes, bytesTotal: copy.total))
        }
        progress(ArchiveProgress(phase: "copying", bytesDone: copy.progress.bytes, bytesTotal: copy.total))
        let corrupt = copy.progress.corruptPages
        guard corrupt.isEmpty || options.keepsCorruptPages else {
            throw ArchiveError(
                .refused,
                "checksums of \(corrupt.count) page(s) are wrong: "
                    + corrupt.prefix(5).map(\.description).joined(separator: ", ")
                    + (corrupt.count > 5 ? ", …" : "")
                    + "; earlier backups may hold them unharmed; --keep-corrupt-pages takes a backup anyway")
        }
    }

    /// Ends the backup on the server, and the last part with what that says.
    /// - Returns: also the bytes of all files.
    private func finish(
        _ copy: BackupCopy, _ session: BackupSession, _ server: BackupSession.Server, _ start: BackupSession.Start
    ) throws -> (BackupSession.Stop, size: UInt64) {
        // Behind all data: on a standby it says how far recovery must go at least.
        let control = try stableControlFile()
        let stop = try session.stop(version: server.version)
        let label = Array(stop.label.utf8)
        guard let timeline = Self.timeline(inLabel: stop.label) else {
            throw ArchiveError(.unavailable, "the backup label names no timeline")
        }
        let data = try ControlData.read(dataDirectory: settings.dataDirectory)
        guard data.timeline == timeline else {
            throw ArchiveError(
                .unavailable,
                "the timeline changed from \(timeline) to \(data.timeline) during the backup: take it again")
        }
        let files = [
            (header("global/pg_control", size: control.count), control),
            (header("backup_label", size: label.count), label),
        ]
        let entries =
            copy.records.map { record in
                BackupManifestText.Entry(
                    path: record.path, size: record.size, modified: record.modified, sum: record.sum)
            }
            + files.map { header, bytes in
                BackupManifestText.Entry(
                    path: header.name, size: header.size, modified: header.modified, sum: CRC32C.checksum(bytes))
            }
        let manifest = try BackupManifestText(
            entries: entries, timeline: timeline, start: start.lsn, end: stop.lsn,
            systemIdentifier: server.systemIdentifier, serverVersion: server.version
        ).encoded()
        try copy.finish(files + [(header(BackupManifest.fileName, size: manifest.count), manifest)])
        return (stop, entries.reduce(0) { $0 + $1.size })
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
