import Compression
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// The files of one base backup on their way into parts, which several threads fill.
///
/// Every thread begins a part of its own as long as there are some, and then helps at those of the others: a single
/// large file keeps all of them busy.
final class BackupCopy: Sendable {
    private let store: any ObjectStore
    private let layout: ArchiveLayout
    private let codec: GzipCodec
    private let id: String
    private let checksums: PageChecksums?
    private let parts: [BackupPart]
    private let parallel: Int
    private let begun = Atomic<Int>(0)
    private let committed = Mutex<[ObjectKey]>([])
    let progress: BackupProgress
    /// Uncompressed bytes of all files, as far as was known beforehand.
    let total: UInt64

    init(
        _ plan: BackupPlan, id: String, store: any ObjectStore, layout: ArchiveLayout, codec: GzipCodec,
        checksums: PageChecksums?, parallel: Int, progress: BackupProgress
    ) throws {
        self.store = store
        self.layout = layout
        self.codec = codec
        self.id = id
        self.checksums = checksums
        self.parallel = parallel
        self.progress = progress
        total = plan.totalBytes
        let last = plan.parts.count - 1
        parts = try plan.parts.enumerated().map { number, part in
            BackupPart(
                part, upload: try store.upload(layout.part(part.name, of: id, suffix: codec.suffix)),
                checksums: checksums, isOpen: number == last)
        }
    }

    /// Stores all files. The last part stays open.
    /// - Parameter meanwhile: called some times a second; what it throws ends the copy.
    func run(meanwhile: () throws -> Void) throws {
        let work = try ParallelWork(parallel, name: "backup") { [self] _, own in
            do {
                let worker = try BackupWorker(codec, checksums: checksums, progress: progress)
                while let part = nextPart() { try advance(part, worker) }
                // What others have begun.
                for part in parts { try advance(part, worker) }
            } catch {
                // Nobody may wait for a chunk that does not come.
                progress.cancellation.cancel()
                for part in parts { part.turns.end() }
                if error is TurnOrder.BrokenError { throw ParallelWork.CancelledError() }
                throw error
            }
            try own.check()
        }
        do { try work.finish(meanwhile: meanwhile) } catch {
            progress.cancellation.cancel()
            throw error
        }
    }

    /// Adds the files that come behind all data, and ends the last part.
    func finish(_ files: [(header: TarHeader, bytes: [UInt8])]) throws {
        guard let last = parts.last else { return }
        for file in files { last.append(file.header, file.bytes) }
        last.close()
        let worker = try BackupWorker(codec, checksums: nil, progress: progress)
        try advance(last, worker)
    }

    /// What was stored of files, but for those that `finish` adds.
    var records: [BackupSource.Record] { parts.flatMap(\.records) }

    /// After a failure: takes back what this backup, and no other, has stored.
    func remove() {
        for part in parts { part.abort() }
        for key in committed.withLock({ $0 }) {
            // What cannot be removed now is garbage that no reader takes for a backup.
            do { try store.delete(key) } catch { continue }
        }
    }

    private func nextPart() -> BackupPart? {
        let number = begun.wrappingAdd(1, ordering: .relaxed).oldValue
        return number < parts.count ? parts[number] : nil
    }

    private func advance(_ part: BackupPart, _ worker: BackupWorker) throws {
        try worker.fill(part)
        guard part.claimCommit() else { return }
        guard try worker.commit(part) else {
            throw ArchiveError(.refused, "another backup of the same second has begun: try again")
        }
        committed.withLock { $0.append(layout.part(part.name, of: id, suffix: codec.suffix)) }
        let index = layout.index(of: part.name, id)
        guard try store.putIfAbsent(index, part.index.encoded) != .different else {
            throw ArchiveError(.refused, "'\(index)' exists already")
        }
        committed.withLock { $0.append(index) }
    }
}
