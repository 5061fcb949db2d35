import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// The parts of a base backup, back into files.
struct RestoreUnpacking: Sendable {
    let plan: RestorePlan
    let store: any ObjectStore
    let directory: String
    let ledger = UnpackedLedger()

    /// What the threads share.
    private final class Shared: Sendable {
        private let waiting: Mutex<ArraySlice<RestorePlan.Part>>
        private let unpacked = Atomic<UInt64>(0)

        init(_ parts: [RestorePlan.Part]) { waiting = Mutex(parts[...]) }

        var bytes: UInt64 { unpacked.load(ordering: .relaxed) }
        func next() -> RestorePlan.Part? { waiting.withLock { $0.popFirst() } }
        func add(_ count: Int) { unpacked.add(UInt64(count), ordering: .relaxed) }
    }

    /// Returns when all files are there and checked, all but `pg_control`: see `seal`.
    /// - Returns: what the missing one says.
    func run(_ progress: (ArchiveProgress) -> Void) throws -> ControlData {
        // The largest first, so that no thread is left alone with it at the end.
        let shared = Shared(plan.parts.sorted { ($1.bytes, $0.key.text) < ($0.bytes, $1.key.text) })
        let count = min(plan.request.parallel, plan.parts.count)
        let work = try ParallelWork(count, name: "unpack") { _, cancellation in
            while let part = shared.next() {
                try unpack(part) { count in
                    shared.add(count)
                    try cancellation.check()
                }
            }
        }
        try work.finish {
            let total = plan.backup.size ?? 0
            // A tar is a little larger than its files.
            let done = total > 0 ? min(shared.bytes, total) : shared.bytes
            progress(ArchiveProgress(phase: "unpacking", bytesDone: done, bytesTotal: total))
        }
        progress(ArchiveProgress(phase: "checking"))
        return try check()
    }

    private func unpack(_ part: RestorePlan.Part, check: (Int) throws -> Void) throws {
        guard let codec = ArchivePartCodec.codec(part.suffix) else {
            throw RestoreError("'\(part.key)' cannot be read")
        }
        guard let reader = try store.read(part.key) else { throw RestoreError("'\(part.key)' has vanished") }
        let files: UnpackedFiles
        if case .tablespace(let oid) = part.name.content {
            guard let space = plan.tablespaces.first(where: { $0.oid == oid }) else {
                throw RestoreError("the backup has no tablespace \(oid)")
            }
            files = UnpackedFiles(
                directory: TablespaceStaging.path(space), prefix: "pg_tblspc/\(oid)/", ledger: ledger)
        } else {
            files = UnpackedFiles(directory: directory, ledger: ledger)
        }
        var tar = TarReader(consumer: files)
        let decoder = try codec.makeDecoder()
        do {
            while true {
                let piece = try reader.read(upTo: WALSource.pieceSize)
                if piece.isEmpty { break }
                try decoder.write(piece.span.bytes) { content in
                    try tar.write(content)
                    try check(content.byteCount)
                }
            }
            try decoder.finish()
            try tar.finish()
        } catch let error as CompressionError {
            throw RestoreError("'\(part.key)' in the archive is damaged: \(error)")
        } catch let error as TarError {
            throw RestoreError("'\(part.key)' in the archive is damaged: \(error)")
        }
    }

    /// Whether this is what `backup.info` and the manifest speak of.
    private func check() throws -> ControlData {
        let backup = plan.backup
        guard Files.exists(directory + "/backup_label"), Files.exists(directory + "/PG_VERSION"),
            let content = ledger.controlFile
        else {
            throw RestoreError(
                "backup \(backup.id) is not complete: backup_label, PG_VERSION or pg_control is missing")
        }
        let control = try ControlData.parse(content)
        guard control.systemIdentifier == backup.systemIdentifier || backup.systemIdentifier == nil else {
            throw RestoreError(
                "backup \(backup.id) holds the system \(control.systemIdentifier), and its description says "
                    + "\(backup.systemIdentifier.map(\.description) ?? "none")")
        }
        if let wanted = plan.request.system, wanted != control.systemIdentifier {
            throw RestoreError(
                "backup \(backup.id) holds the system \(control.systemIdentifier), and \(wanted) was expected")
        }
        let path = directory + "/" + BackupManifest.fileName
        guard Files.exists(path) else { return control }
        let manifest: BackupManifest
        do { manifest = try BackupManifest(Files.read(path, limit: 1 << 30)) } catch {
            throw RestoreError("the backup's manifest cannot be read: \(error)")
        }
        let mismatches = manifest.mismatches(ledger.sums)
        guard mismatches.isEmpty else {
            throw RestoreError("backup \(backup.id) is damaged: " + mismatches.joined(separator: ", "))
        }
        return control
    }

    /// Makes all durable, with one wait for each file system, and then writes `pg_control`: a directory of a restore that
    /// was killed before cannot be started, and one that can has the configuration that it was given meanwhile.
    func seal() throws {
        for place in plan.tablespaces.map(TablespaceStaging.path) + [directory] { try Files.syncFileSystem(of: place) }
        guard let content = ledger.controlFile else { return }
        try Files.makeDirectory(directory + "/global")
        try Files.writeDurably(content, to: directory + "/global/pg_control")
    }
}
