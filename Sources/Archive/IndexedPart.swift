import Compression
import Glibc
import ObjectStorage
import Platform
import Synchronization

/// A part whose index says where its chunks and files are: several threads unpack it at once, a few chunks each.
final class IndexedPart: Sendable {
    /// Some chunks that follow each other.
    struct Group: Hashable, Sendable {
        let chunks: Range<Int>
    }

    let part: RestorePlan.Part
    private let index: BackupPartIndex
    /// Where each chunk begins, in the tar and in the object; one more at the end.
    private let uncompressed: [UInt64]
    private let compressed: [UInt64]
    private let directory: String
    private let prefix: String
    private let ledger: UnpackedLedger
    /// Of the pieces of a file that are done, by its place in the index.
    private let sums: Mutex<[Int: [Sum]]> = Mutex([:])
    private let held = Mutex<[UInt8]>([])

    private struct Sum {
        let offset: UInt64
        let size: UInt64
        let crc32c: UInt32
    }

    /// Of an object that one thread takes at a time.
    private static let groupSize: UInt64 = 8 << 20
    private static let groupStored: UInt64 = 4 << 20
    private static let largestChunk = 64 << 20

    /// nil: the index does not fit its part, or is not of a kind that can be trusted with paths.
    init?(
        _ part: RestorePlan.Part, _ index: BackupPartIndex, directory: String, prefix: String, ledger: UnpackedLedger
    ) {
        guard index.size == part.bytes, index.chunks.allSatisfy({ $0.uncompressed <= Self.largestChunk }) else {
            return nil
        }
        var (plain, stored) = ([UInt64(0)], [UInt64(GzipMember.header.count)])
        for chunk in index.chunks {
            plain.append((plain.last ?? 0) + UInt64(chunk.uncompressed))
            stored.append((stored.last ?? 0) + UInt64(chunk.compressed))
        }
        guard let end = plain.last, let last = stored.last, last <= index.size else { return nil }
        var position: UInt64 = 0
        for file in index.files {
            guard file.offset >= position, file.size <= end, file.offset <= end - file.size,
                Self.isSafe(file.path), !file.path.isEmpty
            else { return nil }
            position = file.offset + file.size
        }
        guard index.directories.allSatisfy({ Self.isSafe($0.path) }) else { return nil }
        self.part = part
        self.index = index
        uncompressed = plain
        compressed = stored
        self.directory = directory
        self.prefix = prefix
        self.ledger = ledger
    }

    private static func isSafe(_ path: String) -> Bool {
        !path.hasPrefix("/") && !path.utf8.contains(0) && !path.split(separator: "/").contains("..")
    }

    private func isHeld(_ file: BackupPartIndex.File) -> Bool { prefix + file.path == UnpackedFiles.controlName }
    private func isDropped(_ file: BackupPartIndex.File) -> Bool { UnpackedFiles.dropped.contains(prefix + file.path) }

    /// Makes all directories and files, empty.
    func prepare() throws {
        for entry in index.directories where entry.path != "." {
            try Files.makeDirectory(directory + "/" + entry.path, mode: (entry.mode & 0o750) | 0o700)
        }
        for (number, file) in index.files.enumerated() where !isDropped(file) {
            if isHeld(file) {
                guard file.size <= UnpackedFiles.largestControlFile else { throw TarError("pg_control is too large") }
                held.withLock { $0 = [UInt8](repeating: 0, count: Int(file.size)) }
            } else {
                _ = try UnpackedFiles.create(
                    directory + "/" + file.path, mode: (file.mode & 0o750) | 0o600, name: prefix + file.path)
            }
            sums.withLock { $0[number] = [] }
        }
    }

    var groups: [Group] {
        var found: [Group] = []
        var first = 0
        for chunk in index.chunks.indices {
            let next = chunk + 1
            let isFull =
                uncompressed[next] - uncompressed[first] >= Self.groupSize
                || compressed[next] - compressed[first] >= Self.groupStored
            guard isFull || next == index.chunks.count else { continue }
            found.append(Group(chunks: first..<next))
            first = next
        }
        return found
    }

    /// Reads, inflates, checks and writes some chunks.
    /// - Parameter check: called after each, with its bytes.
    func unpack(
        _ group: Group, from store: any ObjectStore, _ decoder: GzipChunkDecoder, check: (Int) throws -> Void
    ) throws {
        let range = compressed[group.chunks.lowerBound]..<compressed[group.chunks.upperBound]
        guard let reader = try store.read(part.key, range: range) else {
            throw RestoreError("'\(part.key)' has vanished")
        }
        var stored: [UInt8] = []
        stored.reserveCapacity(range.count)
        while stored.count < range.count {
            let piece = try reader.read(upTo: range.count - stored.count)
            guard !piece.isEmpty else { throw CompressionError.truncated }
            stored += piece
        }
        let largest = group.chunks.map { index.chunks[$0].uncompressed }.max() ?? 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: largest, alignment: 4096)
        defer { buffer.deallocate() }
        for number in group.chunks {
            let chunk = index.chunks[number]
            let start = Int(compressed[number] - range.lowerBound)
            let content = UnsafeMutableRawBufferPointer(rebasing: buffer[..<chunk.uncompressed])
            try decoder.read(
                stored.span.extracting(start..<start + chunk.compressed).bytes, into: content, sum: chunk.sum)
            try place(UnsafeRawBufferPointer(content), at: uncompressed[number])
            try check(chunk.uncompressed)
        }
    }

    /// Writes what of a stretch of the tar is in files.
    private func place(_ content: UnsafeRawBufferPointer, at offset: UInt64) throws {
        let end = offset + UInt64(content.count)
        var number = firstFile(behind: offset)
        while number < index.files.count, index.files[number].offset < end {
            defer { number += 1 }
            let file = index.files[number]
            let from = max(offset, file.offset)
            let to = min(end, file.offset + file.size)
            guard from < to, !isDropped(file) else { continue }
            let bytes = UnsafeRawBufferPointer(rebasing: content[Int(from - offset)..<Int(to - offset)])
            let position = from - file.offset
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
            let done = Sum(offset: position, size: UInt64(bytes.count), crc32c: sum.value)
            sums.withLock { $0[number, default: []].append(done) }
        }
    }

    /// The first file whose end is behind a position.
    private func firstFile(behind offset: UInt64) -> Int {
        var (low, high) = (0, index.files.count)
        while low < high {
            let middle = (low + high) / 2
            let file = index.files[middle]
            if file.offset + file.size > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// When all groups are done: hands checksums and `pg_control` over. Throws when something was not written.
    func finish() throws {
        let sums = sums.withLock { $0 }
        for (number, pieces) in sums {
            let file = index.files[number]
            var (position, crc) = (UInt64(0), UInt32(0))
            for piece in pieces.sorted(by: { $0.offset < $1.offset }) {
                guard piece.offset == position else { break }
                crc = RunningCRC32C.combine(crc, piece.crc32c, count: piece.size)
                position += piece.size
            }
            guard position == file.size else { throw TarError("the index leaves out a part of '\(file.path)'") }
            ledger.note(prefix + file.path, UnpackedLedger.Sum(size: file.size, crc32c: crc))
            if isHeld(file) { ledger.hold(held.withLock { $0 }) }
        }
    }
}
