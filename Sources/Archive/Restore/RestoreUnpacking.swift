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

    /// What one thread takes at a time.
    private enum Job: Sendable {
        case stream(RestorePlan.Part)
        case group(IndexedPart, IndexedPart.Group)
    }

    /// What the threads share.
    private final class Shared: Sendable {
        private let waiting: Mutex<ArraySlice<Job>>
        private let unpacked = Atomic<UInt64>(0)

        init(_ jobs: [Job]) { waiting = Mutex(jobs[...]) }

        var bytes: UInt64 { unpacked.load(ordering: .relaxed) }
        func next() -> Job? { waiting.withLock { $0.popFirst() } }
        func add(_ count: Int) { unpacked.add(UInt64(count), ordering: .relaxed) }
    }

    /// Returns when all files are there and checked, all but `pg_control`: see `seal`.
    /// - Returns: what the missing one says.
    func run(_ progress: (ArchiveProgress) -> Void) throws -> ControlData {
        let indexed = try indexedParts()
        let names = Set(indexed.map(\.part.name))
        // Streams first, the largest of them in front: no thread is left alone with one at the end.
        let streams = plan.parts.filter { !names.contains($0.name) }
            .sorted { ($1.bytes, $0.key.text) < ($0.bytes, $1.key.text) }
        let jobs =
            streams.map(Job.stream) + indexed.flatMap { part in part.groups.map { Job.group(part, $0) } }
        let shared = Shared(jobs)
        let work = try ParallelWork(min(plan.request.parallel, jobs.count), name: "unpack") { _, cancellation in
            let decoder = try GzipChunkDecoder()
            func check(_ count: Int) throws {
                shared.add(count)
                try cancellation.check()
            }
            while let job = shared.next() {
                switch job {
                case .stream(let part): try unpack(part, check: check)
                case .group(let part, let group):
                    try damaged(part.part) { try part.unpack(group, from: store, decoder, check: check) }
                }
            }
        }
        try work.finish {
            let total = plan.backup.size ?? 0
            // A tar is a little larger than its files.
            let done = total > 0 ? min(shared.bytes, total) : shared.bytes
            progress(ArchiveProgress(phase: "unpacking", bytesDone: done, bytesTotal: total))
        }
        for part in indexed { try damaged(part.part) { try part.finish() } }
        progress(ArchiveProgress(phase: "checking"))
        return try check()
    }

    private func unpack(_ part: RestorePlan.Part, check: (Int) throws -> Void) throws {
        guard let codec = ArchivePartCodec.codec(part.suffix) else {
            throw RestoreError("'\(part.key)' cannot be read")
        }
        guard let reader = try store.read(part.key) else { throw RestoreError("'\(part.key)' has vanished") }
        let (directory, prefix) = try place(part)
        let files = UnpackedFiles(directory: directory, prefix: prefix, ledger: ledger)
        var tar = TarReader(consumer: files)
        let decoder = try codec.makeDecoder()
        try damaged(part) {
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
        }
    }

    private func damaged(_ part: RestorePlan.Part, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as CompressionError {
            throw RestoreError("'\(part.key)' in the archive is damaged: \(error)")
        } catch let error as TarError {
            throw RestoreError("'\(part.key)' in the archive is damaged: \(error)")
        }
    }

    /// Where the files of a part go, and what their names begin with in a manifest.
    private func place(_ part: RestorePlan.Part) throws -> (directory: String, prefix: String) {
        guard case .tablespace(let oid) = part.name.content else { return (directory, "") }
        guard let space = plan.tablespaces.first(where: { $0.oid == oid }) else {
            throw RestoreError("the backup has no tablespace \(oid)")
        }
        return (TablespaceStaging.path(space), "pg_tblspc/\(oid)/")
    }

    /// Those whose index is there and fits: the others are read as streams, which is slower and no worse.
    private func indexedParts() throws -> [IndexedPart] {
        var found: [IndexedPart] = []
        // The first part has the directories.
        for part in plan.parts.sorted(by: { $0.name < $1.name }) where part.suffix == ".gz" {
            guard
                let index = try? BackupPartIndex.read(
                    store, plan.request.layout, part: part.name, of: plan.backup.id)
            else { continue }
            let (directory, prefix) = try place(part)
            guard let indexed = IndexedPart(part, index, directory: directory, prefix: prefix, ledger: ledger) else {
                continue
            }
            try indexed.prepare()
            found.append(indexed)
        }
        return found
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
        guard manifest.isOf(backup) else { return control }
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
