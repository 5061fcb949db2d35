import Compression
import Platform
import Postgres
import Synchronization

/// A page whose checksum is wrong, twice in a row.
package struct CorruptPage: Hashable, Sendable, CustomStringConvertible {
    /// Relative to the data directory.
    package let path: String
    /// In this file.
    package let page: UInt64

    package var description: String { "page \(page) of '\(path)'" }
}

/// What the threads of one backup have in common.
final class BackupProgress: Sendable {
    private let copied = Atomic<UInt64>(0)
    private let corrupt = Mutex<[CorruptPage]>([])
    let limit: RateLimit
    let cancellation: ParallelWork.Cancellation

    /// More are not told apart.
    private static let mostCorrupt = 1000

    init(limit: RateLimit, cancellation: ParallelWork.Cancellation) {
        self.limit = limit
        self.cancellation = cancellation
    }

    /// Uncompressed bytes so far.
    var bytes: UInt64 { copied.load(ordering: .relaxed) }
    var corruptPages: [CorruptPage] { corrupt.withLock { $0 } }

    func add(_ count: Int) { copied.add(UInt64(count), ordering: .relaxed) }

    func note(_ page: CorruptPage) {
        corrupt.withLock { if $0.count < Self.mostCorrupt { $0.append(page) } }
    }
}

/// Makes chunks: one thread's memory for it, about 2.5 MiB.
final class BackupWorker {
    private let buffer: UnsafeMutableRawBufferPointer
    private let encoder: GzipChunkEncoder
    private let checksums: PageChecksums?
    private let progress: BackupProgress

    init(_ codec: GzipCodec, checksums: PageChecksums?, progress: BackupProgress) throws {
        let largest = BackupPart.chunkSize + BackupPart.slack
        encoder = try GzipChunkEncoder(codec, largestChunk: largest)
        buffer = .allocate(byteCount: largest, alignment: 4096)
        self.checksums = checksums
        self.progress = progress
    }

    deinit { buffer.deallocate() }

    /// Makes chunks of `part` until there are no more for now.
    func fill(_ part: BackupPart) throws {
        while let chunk = try part.next() {
            try progress.cancellation.check()
            try make(chunk, of: part)
        }
    }

    /// Ends a part of which all chunks are written.
    func commit(_ part: BackupPart) throws -> Bool {
        let end = [UInt8](repeating: 0, count: 2 * TarHeader.blockSize)
        return try encoder.write(end.span.bytes) { chunk, bytes in try part.commit(chunk, bytes) }
    }

    private func make(_ chunk: BackupPart.Chunk, of part: BackupPart) throws {
        var position = 0
        for piece in chunk.pieces {
            switch piece {
            case .bytes(let bytes):
                bytes.withUnsafeBytes { content in
                    UnsafeMutableRawBufferPointer(rebasing: buffer[position..<position + content.count])
                        .copyMemory(from: content)
                }
                position += bytes.count
            case .file(let source, let offset, let count, let number):
                let place = UnsafeMutableRawBufferPointer(rebasing: buffer[position..<position + count])
                try progress.limit.take(count, progress.cancellation.check)
                try source.read(into: place, at: offset)
                try check(place, of: source, at: offset)
                source.record.set(
                    CRC32C.update(0, with: UnsafeRawBufferPointer(place)), count: count, ofPiece: number)
                progress.add(count)
                position += count
            }
        }
        let content = UnsafeRawBufferPointer(buffer).bytes.extracting(first: position)
        try encoder.write(content) { deflated, bytes in
            try part.turns.wait(for: chunk.number)
            try part.write(deflated, bytes)
        }
    }

    /// Looks at the checksums of whole pages. One that is wrong is read again: it may have been caught half written.
    private func check(_ pages: UnsafeMutableRawBufferPointer, of source: BackupSource, at offset: UInt64) throws {
        guard let checksums, let firstBlock = source.firstBlock else { return }
        let size = PageChecksums.pageSize
        let firstPage = offset / UInt64(size)
        let block = firstBlock &+ UInt32(truncatingIfNeeded: firstPage)
        var from = 0
        while let wrong = checksums.firstWrong(in: UnsafeRawBufferPointer(pages), from: from, block: block) {
            let page = UnsafeMutableRawBufferPointer(rebasing: pages[wrong * size..<(wrong + 1) * size])
            try source.read(into: page, at: offset + UInt64(wrong * size))
            let again = checksums.firstWrong(
                in: UnsafeRawBufferPointer(page), block: block &+ UInt32(truncatingIfNeeded: wrong))
            if again != nil {
                progress.note(CorruptPage(path: source.record.path, page: firstPage + UInt64(wrong)))
            }
            from = wrong + 1
        }
    }
}
