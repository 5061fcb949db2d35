import Compression
import ObjectStorage
import Platform
import Synchronization

/// A part whose index says where its chunks and files are: read chunk by chunk, so that damage is named and does not
/// hide what is behind it.
final class CheckedPart: Sendable {
    typealias Group = IndexedChunks.Group

    let key: ObjectKey
    private let chunks: IndexedChunks
    private let prefix: String
    private let files: CheckedFiles
    private let state: Mutex<State>

    private struct State {
        var sums = PieceSums()
        var contents: [Int: [UInt8]] = [:]
        /// Chunks, and why.
        var damaged: [Int: String] = [:]
        var isMissing = false
    }

    /// nil: the index does not fit an object of this size.
    init?(_ key: ObjectKey, bytes: UInt64, _ index: BackupPartIndex, prefix: String, files: CheckedFiles) {
        guard let chunks = IndexedChunks(index, of: bytes), let end = chunks.compressed.last,
            end + UInt64(GzipMember.trailerSize) == bytes
        else { return nil }
        self.key = key
        self.chunks = chunks
        self.prefix = prefix
        self.files = files
        var state = State()
        for (number, file) in index.files.enumerated() {
            state.sums.expect(number)
            if CheckedFiles.isKept(prefix + file.path, size: file.size) {
                state.contents[number] = [UInt8](repeating: 0, count: Int(file.size))
            }
        }
        self.state = Mutex(state)
    }

    var groups: [Group] { chunks.groups }

    /// Reads some chunks.
    /// - Parameter check: called after each, with its bytes as stored.
    func read(_ group: Group, from store: any ObjectStore, _ decoder: GzipChunkDecoder, check: (Int) throws -> Void)
        throws
    {
        guard let stored = try chunks.stored(group, of: key, store) else {
            state.withLock { $0.isMissing = true }
            return
        }
        let largest = group.chunks.map { chunks.index.chunks[$0].uncompressed }.max() ?? 0
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: largest, alignment: 4096)
        defer { buffer.deallocate() }
        for number in group.chunks {
            let chunk = chunks.index.chunks[number]
            let content = UnsafeMutableRawBufferPointer(rebasing: buffer[..<chunk.uncompressed])
            do throws(CompressionError) {
                try chunks.inflate(number, of: group, stored: stored, into: content, decoder)
                take(UnsafeRawBufferPointer(content), at: chunks.uncompressed[number])
            } catch {
                state.withLock { $0.damaged[number] = error.description }
            }
            try check(chunk.compressed)
        }
    }

    private func take(_ content: UnsafeRawBufferPointer, at offset: UInt64) {
        chunks.eachPiece(of: content, at: offset) { number, position, bytes in
            var sum = RunningCRC32C()
            sum.add(bytes.bytes)
            state.withLock { state in
                state.sums.add(number, at: position, size: UInt64(bytes.count), crc32c: sum.value)
                state.contents[number]?.replaceSubrange(Int(position)..<Int(position) + bytes.count, with: bytes)
            }
        }
    }

    /// When all groups are done: hands over what the files are, and tells what is wrong.
    func finish(_ store: any ObjectStore, into check: inout BackupCheck) throws {
        let state = state.withLock { $0 }
        guard !state.isMissing, let frame = try readFrame(store) else {
            check.find(.missing, key, "it vanished while it was read")
            files.miss(chunks.index.files.map { prefix + $0.path })
            return
        }
        for (number, reason) in state.damaged.sorted(by: { $0.key < $1.key }) {
            let (from, to) = (chunks.compressed[number], chunks.compressed[number + 1])
            let touched = chunks.files(
                behind: chunks.uncompressed[number], before: chunks.uncompressed[number + 1]
            ).map { prefix + chunks.index.files[$0].path }
            files.miss(touched)
            check.find(.damaged, key, "bytes \(from) to \(to - 1): \(reason); it holds \(Self.list(touched))")
        }
        var member = GzipMember()
        for chunk in chunks.index.chunks { member.add(chunk) }
        if frame.header != GzipMember.header { check.find(.damaged, key, "its gzip header is not what was written") }
        if frame.trailer != member.trailer { check.find(.damaged, key, "its gzip trailer is not what was written") }
        for (number, sum) in state.sums.combined where sum.size == chunks.index.files[number].size {
            let path = prefix + chunks.index.files[number].path
            if !files.note(path, sum) { check.find(.damaged, key, "'\(path)' is in the backup twice") }
        }
        let missed = files.unread
        for (number, content) in state.contents where !missed.contains(prefix + chunks.index.files[number].path) {
            files.keep(prefix + chunks.index.files[number].path, content)
        }
    }

    /// What is around the chunks.
    private func readFrame(_ store: any ObjectStore) throws -> (header: [UInt8], trailer: [UInt8])? {
        let end = chunks.compressed.last ?? 0
        guard let header = try read(0..<UInt64(GzipMember.header.count), store),
            let trailer = try read(end..<chunks.index.size, store)
        else { return nil }
        return (header, trailer)
    }

    private func read(_ range: Range<UInt64>, _ store: any ObjectStore) throws -> [UInt8]? {
        guard let reader = try store.read(key, range: range) else { return nil }
        var bytes: [UInt8] = []
        while bytes.count < range.count {
            let piece = try reader.read(upTo: range.count - bytes.count)
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// A few names, and how many there are.
    static func list(_ names: [String]) -> String {
        guard !names.isEmpty else { return "no file's bytes" }
        let shown = names.prefix(5).map { "'\($0)'" }.joined(separator: ", ")
        return names.count > 5 ? "\(shown) and \(names.count - 5) more files" : shown
    }
}
