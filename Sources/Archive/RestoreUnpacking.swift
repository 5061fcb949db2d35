import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// The parts of a base backup, back into files.
struct RestoreUnpacking: Sendable {
    let store: any ObjectStore
    let layout: ArchiveLayout
    let backup: BackupInfo
    let directory: String

    private struct Part: Sendable {
        let key: ObjectKey
        let codec: any Codec
    }

    /// What the threads share.
    private final class Shared: Sendable {
        private let waiting: Mutex<ArraySlice<Part>>
        private let unpacked = Atomic<UInt64>(0)

        init(_ parts: [Part]) { waiting = Mutex(parts[...]) }

        var bytes: UInt64 { unpacked.load(ordering: .relaxed) }
        func next() -> Part? { waiting.withLock { $0.popFirst() } }
        func add(_ count: Int) { unpacked.add(UInt64(count), ordering: .relaxed) }
    }

    func run(parallel: Int, _ progress: (ArchiveProgress) -> Void) throws {
        let parts = try self.parts()
        let shared = Shared(parts)
        let work = try ParallelWork(min(parallel, parts.count), name: "unpack") { _, cancellation in
            while let part = shared.next() {
                try unpack(part) { count in
                    shared.add(count)
                    try cancellation.check()
                }
            }
        }
        try work.finish {
            let total = backup.size ?? 0
            // A tar is a little larger than its files.
            let done = total > 0 ? min(shared.bytes, total) : shared.bytes
            progress(ArchiveProgress(phase: "unpacking", bytesDone: done, bytesTotal: total))
        }
        try check()
    }

    private func parts() throws -> [Part] {
        var parts: [Part] = []
        var hasFirst = false
        for object in try store.listAll("\(layout.backup(backup.id))/").objects {
            let name = object.key.name
            guard let (number, suffix) = ArchiveLayout.dataPart(name) else { continue }
            let codecs: [any Codec] = [GzipCodec(), IdentityCodec()]
            guard let codec = codecs.first(where: { $0.suffix == suffix }) else {
                throw RestoreError("'\(object.key)' is compressed as '\(suffix)', which cannot be read here")
            }
            hasFirst = hasFirst || number == 0
            parts.append(Part(key: object.key, codec: codec))
        }
        guard hasFirst else { throw RestoreError("backup \(backup.id) has lost its first part") }
        return parts
    }

    private func unpack(_ part: Part, check: (Int) throws -> Void) throws {
        guard let reader = try store.read(part.key) else { throw RestoreError("'\(part.key)' has vanished") }
        let files = UnpackedFiles(directory: directory)
        var tar = TarReader(consumer: files)
        let decoder = try part.codec.makeDecoder()
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

    /// Whether this is what `backup.info` speaks of.
    private func check() throws {
        guard Files.exists(directory + "/backup_label"), Files.exists(directory + "/PG_VERSION") else {
            throw RestoreError("backup \(backup.id) is not complete: backup_label or PG_VERSION is missing")
        }
        let control = try ControlData.read(dataDirectory: directory)
        guard control.systemIdentifier == backup.systemIdentifier || backup.systemIdentifier == nil else {
            throw RestoreError(
                "backup \(backup.id) holds the system \(control.systemIdentifier), and its description says "
                    + "\(backup.systemIdentifier.map(\.description) ?? "none")")
        }
    }
}
