import Compression
import Glibc
import ObjectStorage
import Platform
import Synchronization

/// A part whose index says where its chunks and files are: several threads unpack it at once, a few chunks each.
final class IndexedPart: Sendable {
    typealias Group = IndexedChunks.Group

    let part: RestorePlan.Part
    private let chunks: IndexedChunks
    private let directory: String
    private let prefix: String
    private let ledger: UnpackedLedger
    private let sums = Mutex(PieceSums())
    private let held = Mutex<[UInt8]>([])

    /// nil: the index does not fit its part, or is not of a kind that can be trusted with paths.
    init?(
        _ part: RestorePlan.Part, _ index: BackupPartIndex, directory: String, prefix: String, ledger: UnpackedLedger
    ) {
        guard let chunks = IndexedChunks(index, of: part.bytes) else { return nil }
        self.part = part
        self.chunks = chunks
        self.directory = directory
        self.prefix = prefix
        self.ledger = ledger
    }

    private func isHeld(_ file: BackupPartIndex.File) -> Bool { prefix + file.path == UnpackedFiles.controlName }
    private func isDropped(_ file: BackupPartIndex.File) -> Bool { UnpackedFiles.dropped.contains(prefix + file.path) }

    /// Makes all directories and files, empty.
    func prepare() throws {
        for entry in chunks.index.directories where entry.path != "." {
            try Files.makeDirectory(directory + "/" + entry.path, mode: (entry.mode & 0o750) | 0o700)
        }
        for (number, file) in chunks.index.files.enumerated() where !isDropped(file) {
            if isHeld(file) {
                guard file.size <= UnpackedFiles.largestControlFile else { throw TarError("pg_control is too large") }
                held.withLock { $0 = [UInt8](repeating: 0, count: Int(file.size)) }
            } else {
                _ = try UnpackedFiles.create(
                    directory + "/" + file.path, mode: (file.mode & 0o750) | 0o600, name: prefix + file.path)
            }
            sums.withLock { $0.expect(number) }
        }
    }

    var groups: [Group] { chunks.groups }

    /// Reads, inflates, checks and writes some chunks.
    /// - Parameter check: called after each, with its bytes.
    func unpack(
        _ group: Group, from store: any ObjectStore, _ decoder: GzipChunkDecoder, check: (Int) throws -> Void
    ) throws {
        guard let stored = try chunks.stored(group, of: part.key, store) else {
            throw RestoreError("'\(part.key)' has vanished")
        }
        let largest = group.chunks.map { chunks.index.chunks[$0].uncompressed }.max() ?? 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: largest, alignment: 4096)
        defer { buffer.deallocate() }
        for number in group.chunks {
            let size = chunks.index.chunks[number].uncompressed
            let content = UnsafeMutableRawBufferPointer(rebasing: buffer[..<size])
            try chunks.inflate(number, of: group, stored: stored, into: content, decoder)
            try place(UnsafeRawBufferPointer(content), at: chunks.uncompressed[number])
            try check(size)
        }
    }

    /// Writes what of a stretch of the tar is in files.
    private func place(_ content: UnsafeRawBufferPointer, at offset: UInt64) throws {
        try chunks.eachPiece(of: content, at: offset) { number, position, bytes in
            let file = chunks.index.files[number]
            guard !isDropped(file) else { return }
            if isHeld(file) {
                held.withLock { $0.replaceSubrange(Int(position)..<Int(position) + bytes.count, with: bytes) }
            } else {
                let path = directory + "/" + file.path
                let opened = try FileDescriptor(opening: path, O_WRONLY | O_NOFOLLOW)
                do throws(SystemError) { try opened.write(bytes, at: position) } catch {
                    throw SystemError(error.operation, path: path, code: error.code)
                }
                opened.startWriteback(from: position, count: UInt64(bytes.count))
                try opened.close()
            }
            var sum = RunningCRC32C()
            sum.add(bytes.bytes)
            sums.withLock { $0.add(number, at: position, size: UInt64(bytes.count), crc32c: sum.value) }
        }
    }

    /// When all groups are done: hands checksums and `pg_control` over. Throws when something was not written.
    func finish() throws {
        for (number, sum) in sums.withLock({ $0.combined }) {
            let file = chunks.index.files[number]
            guard sum.size == file.size else { throw TarError("the index leaves out a part of '\(file.path)'") }
            ledger.note(prefix + file.path, sum)
            if isHeld(file) { ledger.hold(held.withLock { $0 }) }
        }
    }
}
