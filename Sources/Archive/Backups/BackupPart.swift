import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// One tar of a base backup on its way into the archive: cut into chunks that several threads read, check and compress
/// side by side, and that are written in their order.
final class BackupPart: Sendable {
    /// Some of the tar, to be deflated by itself.
    struct Chunk: Sendable {
        /// Counted from 0.
        let number: Int
        var pieces: [Piece] = []
        /// Bytes.
        var size = 0
    }

    enum Piece: Sendable {
        case bytes([UInt8])
        /// `number` counts the pieces of this file.
        case file(BackupSource, offset: UInt64, count: Int, number: Int)
    }

    /// Bytes of tar that are compressed at a time: a reader can start at each. Costs half a percent of size.
    static let chunkSize = 1 << 20
    /// How much longer a chunk may become, by headers and padding.
    static let slack = 16 << 10

    let name: BackupPartName
    private let composition: Mutex<Composition>
    private let output: Mutex<Output>
    let turns = TurnOrder()

    /// - Parameter isOpen: whether `append` adds more before the end.
    init(_ plan: BackupPlan.Part, upload: sending any ObjectUpload, checksums: PageChecksums?, isOpen: Bool) {
        name = plan.name
        composition = Mutex(Composition(plan, checksums: checksums, isOpen: isOpen))
        output = Mutex(Output(upload: upload))
    }

    /// The next chunk to be made; nil when there is none, for now or for good. Whoever takes it has to bring it to
    /// `write`, or to end `turns`.
    func next() throws -> Chunk? { try composition.withLock { try $0.next() } }

    /// Adds a file from memory behind all others.
    func append(_ header: TarHeader, _ content: [UInt8]) {
        composition.withLock { $0.contents.append((header, content)) }
    }

    /// Says that nothing is added any more.
    func close() { composition.withLock { $0.isOpen = false } }

    /// Writes a chunk when its turn has come.
    func write(_ chunk: GzipChunk, _ bytes: RawSpan) throws {
        try output.withLock { try $0.write(chunk, bytes) }
        turns.pass()
    }

    /// Whether all chunks are written, and the caller is the first to learn it: it has to `commit`.
    func claimCommit() -> Bool {
        let chunks = composition.withLock { $0.isComplete ? $0.chunks : nil }
        guard let chunks else { return false }
        return output.withLock { output in
            guard output.index.chunks.count == chunks, !output.isClaimed else { return false }
            output.isClaimed = true
            return true
        }
    }

    /// Makes the part visible and durable.
    /// - Parameter end: the compressed end of the tar.
    /// - Returns: false when another backup has it.
    func commit(_ end: GzipChunk, _ bytes: RawSpan) throws -> Bool {
        try output.withLock { output in
            try output.write(end, bytes)
            return try output.finish()
        }
    }

    func abort() {
        turns.end()
        output.withLock { $0.upload.abort() }
    }

    /// What was stored of files.
    var records: [BackupSource.Record] { composition.withLock { $0.records } }

    /// Where everything is. To be asked when the part is committed.
    var index: BackupPartIndex {
        var index = output.withLock { $0.index }
        composition.withLock { composition in
            index.files = composition.index.files
            index.directories = composition.index.directories
        }
        return index
    }

    /// What goes to the archive, in order.
    private struct Output {
        let upload: any ObjectUpload
        var member = GzipMember()
        /// Its chunks and size.
        var index = BackupPartIndex()
        var isClaimed = false

        init(upload: sending any ObjectUpload) { self.upload = upload }

        mutating func write(_ chunk: GzipChunk, _ bytes: RawSpan) throws {
            if index.size == 0 {
                let header = GzipMember.header
                try put(header.span.bytes)
            }
            try put(bytes)
            member.add(chunk)
            index.chunks.append(chunk)
        }

        mutating func finish() throws -> Bool {
            let trailer = member.trailer
            try put(trailer.span.bytes)
            return try upload.commit(if: {}) == .created
        }

        private mutating func put(_ bytes: RawSpan) throws {
            try upload.write(bytes)
            index.size += UInt64(bytes.byteCount)
        }
    }
}
