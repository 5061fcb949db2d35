import Compression
import ObjectStorage
import Platform

/// Where the chunks and files of one indexed part are: in the tar, and in the object.
struct IndexedChunks: Sendable {
    /// Some chunks that follow each other.
    struct Group: Hashable, Sendable {
        let chunks: Range<Int>
    }

    let index: BackupPartIndex
    /// Where each chunk begins, in the tar and in the object; one more at the end.
    let uncompressed: [UInt64]
    let compressed: [UInt64]

    /// Of an object that one thread takes at a time.
    private static let groupSize: UInt64 = 8 << 20
    private static let groupStored: UInt64 = 4 << 20
    private static let largestChunk = 64 << 20

    /// nil: the index does not fit an object of this size, or is not of a kind that can be trusted with paths.
    init?(_ index: BackupPartIndex, of bytes: UInt64) {
        guard index.size == bytes, index.chunks.allSatisfy({ $0.uncompressed <= Self.largestChunk }) else {
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
        self.index = index
        uncompressed = plain
        compressed = stored
    }

    private static func isSafe(_ path: String) -> Bool {
        !path.hasPrefix("/") && !path.utf8.contains(0) && !path.split(separator: "/").contains("..")
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

    /// The stored bytes of some chunks; fewer when the object ends before. nil: there is no such object.
    func stored(_ group: Group, of key: ObjectKey, _ store: any ObjectStore) throws -> [UInt8]? {
        let range = compressed[group.chunks.lowerBound]..<compressed[group.chunks.upperBound]
        guard let reader = try store.read(key, range: range) else { return nil }
        var stored: [UInt8] = []
        stored.reserveCapacity(range.count)
        while stored.count < range.count {
            let piece = try reader.read(upTo: range.count - stored.count)
            if piece.isEmpty { break }
            stored += piece
        }
        return stored
    }

    /// Inflates one chunk of a group, and checks it.
    func inflate(
        _ number: Int, of group: Group, stored: [UInt8], into content: UnsafeMutableRawBufferPointer,
        _ decoder: GzipChunkDecoder
    ) throws(CompressionError) {
        let start = Int(compressed[number] - compressed[group.chunks.lowerBound])
        let end = start + index.chunks[number].compressed
        guard end <= stored.count else { throw .truncated }
        try decoder.read(stored.span.extracting(start..<end).bytes, into: content, sum: index.chunks[number].sum)
    }

    /// The pieces of files in a stretch of the tar.
    /// - Parameter body: gets the number of the file, where in it the piece begins, and its bytes.
    func eachPiece(
        of content: UnsafeRawBufferPointer, at offset: UInt64,
        _ body: (_ file: Int, _ position: UInt64, UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        let end = offset + UInt64(content.count)
        for number in files(behind: offset, before: end) {
            let file = index.files[number]
            let from = max(offset, file.offset)
            let to = min(end, file.offset + file.size)
            guard from < to else { continue }
            try body(
                number, from - file.offset,
                UnsafeRawBufferPointer(rebasing: content[Int(from - offset)..<Int(to - offset)]))
        }
    }

    /// Files that have bytes in a stretch of the tar, and perhaps empty ones between them.
    func files(behind offset: UInt64, before end: UInt64) -> Range<Int> {
        let first = firstFile(behind: offset)
        var last = first
        while last < index.files.count, index.files[last].offset < end { last += 1 }
        return first..<last
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
}

/// CRC-32C of files that come in pieces, in any order.
struct PieceSums: Sendable {
    private struct Sum {
        let offset: UInt64
        let size: UInt64
        let crc32c: UInt32
    }

    private var files: [Int: [Sum]] = [:]

    /// Says that there is such a file, though it may have no bytes.
    mutating func expect(_ file: Int) { files[file] = files[file] ?? [] }

    mutating func add(_ file: Int, at offset: UInt64, size: UInt64, crc32c: UInt32) {
        files[file, default: []].append(Sum(offset: offset, size: size, crc32c: crc32c))
    }

    /// All files, and how far each of them is there without a gap.
    var combined: [(file: Int, sum: UnpackedLedger.Sum)] {
        files.map { number, pieces in
            var (position, crc) = (UInt64(0), UInt32(0))
            for piece in pieces.sorted(by: { $0.offset < $1.offset }) {
                guard piece.offset == position else { break }
                crc = RunningCRC32C.combine(crc, piece.crc32c, count: piece.size)
                position += piece.size
            }
            return (number, UnpackedLedger.Sum(size: position, crc32c: crc))
        }
    }
}
