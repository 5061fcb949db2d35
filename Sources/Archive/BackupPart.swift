import Compression
import Glibc
import ObjectStorage
import Platform

/// One `data….tar.gz` of a base backup: a complete tar in a single gzip member of fully flushed chunks.
final class BackupPart {
    private let upload: any ObjectUpload
    private let encoder: any StreamEncoder
    private var tar = TarWriter()
    private var inChunk = 0

    /// Bytes of tar between two points where a reader could start: costs half a percent of size.
    private static let chunkSize = 1 << 20
    private static let pieceSize = 256 << 10

    init(_ store: any ObjectStore, _ key: ObjectKey, codec: any Codec) throws {
        upload = try store.upload(key)
        encoder = try codec.makeEncoder()
    }

    func add(directory item: BackupFileList.Item) throws {
        try tar.begin(item.header(kind: .directory)) { try write($0) }
    }

    /// Copies a file as it was found; one that has vanished meanwhile is left out, as WAL replay expects it.
    /// - Parameter check: called between two pieces, with the bytes since the last call.
    /// - Returns: false when it has vanished.
    func add(file item: BackupFileList.Item, in directory: String, check: (UInt64) throws -> Void) throws -> Bool {
        let path = directory + "/" + item.path
        let file: FileDescriptor
        do throws(SystemError) { file = try FileDescriptor(opening: path, O_RDONLY) } catch {
            if error.isNotFound { return false }
            throw error
        }
        try tar.begin(item.header(kind: .file)) { try write($0) }
        while tar.missing > 0 {
            let piece: [UInt8]
            do throws(SystemError) { piece = try file.read(upTo: Self.pieceSize) } catch {
                throw SystemError(error.operation, path: path, code: error.code)
            }
            if piece.isEmpty { break }
            try tar.content(piece.span.bytes) { try write($0) }
            try check(UInt64(piece.count))
        }
        try tar.end { try write($0) }
        return true
    }

    func add(_ header: TarHeader, content: [UInt8]) throws {
        try tar.begin(header) { try write($0) }
        try tar.content(content.span.bytes) { try write($0) }
        try tar.end { try write($0) }
    }

    /// Returns once the part is durable.
    func commit() throws {
        try tar.finish { try write($0) }
        try encoder.finish { try upload.write($0) }
        guard try upload.commit(if: {}) == .created else {
            throw ArchiveError(.refused, "another backup of the same second has begun: try again")
        }
    }

    func abort() { upload.abort() }

    private func write(_ bytes: RawSpan) throws {
        try encoder.write(bytes) { try upload.write($0) }
        inChunk += bytes.byteCount
        guard inChunk >= Self.chunkSize else { return }
        inChunk = 0
        try encoder.endChunk { try upload.write($0) }
    }
}
