import Compression
import ObjectStorage
import Platform
import Synchronization

/// The files of one base backup on their way into parts, which several threads fill.
final class BackupCopy: Sendable {
    private let store: any ObjectStore
    private let layout: ArchiveLayout
    private let codec: any Codec
    private let id: String
    private let dataDirectory: String
    private let waiting: Mutex<ArraySlice<BackupFileList.Item>>
    private let copied = Atomic<UInt64>(0)
    private let committed = Mutex<[ObjectKey]>([])
    let directories: [BackupFileList.Item]
    /// Uncompressed bytes of all files.
    let total: UInt64

    init(
        _ list: BackupFileList, id: String, dataDirectory: String, store: any ObjectStore, layout: ArchiveLayout,
        codec: any Codec
    ) {
        self.store = store
        self.layout = layout
        self.codec = codec
        self.id = id
        self.dataDirectory = dataDirectory
        waiting = Mutex(list.files[...])
        directories = list.directories
        total = list.totalBytes
    }

    /// Uncompressed bytes so far.
    var bytesCopied: UInt64 { copied.load(ordering: .relaxed) }

    /// What this backup has made visible.
    var parts: [ObjectKey] { committed.withLock { $0 } }

    func makePart(_ number: Int) throws -> BackupPart { try BackupPart(store, key(number), codec: codec) }

    /// Moves waiting files into `part` until none is left.
    /// - Parameter check: called between two pieces.
    func fill(_ part: BackupPart, check: () throws -> Void) throws {
        while let item = next() {
            let present = try part.add(file: item, in: dataDirectory) { count in
                copied.add(count, ordering: .relaxed)
                try check()
            }
            if present { try check() }
        }
    }

    /// Fills a part of its own, unless there is nothing left for it.
    func makeWholePart(_ number: Int, _ cancellation: ParallelWork.Cancellation) throws {
        guard waiting.withLock({ !$0.isEmpty }) else { return }
        let part = try makePart(number)
        do {
            try fill(part, check: cancellation.check)
            try commit(part, number)
        } catch {
            part.abort()
            throw error
        }
    }

    func commit(_ part: BackupPart, _ number: Int) throws {
        try part.commit()
        committed.withLock { $0.append(key(number)) }
    }

    /// After a failure: takes back what this backup, and no other, has stored.
    func remove() {
        for key in parts {
            // What cannot be removed now is garbage that no reader takes for a backup.
            do { try store.delete(key) } catch { continue }
        }
    }

    private func next() -> BackupFileList.Item? { waiting.withLock { $0.popFirst() } }

    private func key(_ number: Int) -> ObjectKey { layout.dataPart(number, of: id, suffix: codec.suffix) }
}
