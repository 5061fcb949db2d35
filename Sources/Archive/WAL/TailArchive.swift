import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform

/// The tail as the archive has it: for whoever restores up to the last byte that was shipped.
package struct TailArchive: Sendable {
    let store: any ObjectStore
    let layout: ArchiveLayout

    package init(store: any ObjectStore, layout: ArchiveLayout) {
        self.store = store
        self.layout = layout
    }

    /// In no order.
    package func pieces(of timeline: TimelineID) throws -> [TailPiece] {
        try store.listAll(layout.tail(timeline), recursive: true).objects.compactMap {
            TailPiece($0.key, timeline: timeline)
        }
    }

    /// Makes a file of a segment's size out of its pieces, with zeros behind them, where PostgreSQL finds the end of the
    /// WAL. The segment itself must be known not to be in the archive, and the one before to be there.
    /// - Parameters:
    ///   - end: what lies behind is left out: a newer timeline begins there.
    ///   - path: must not exist; is removed again after an error.
    /// - Returns: the end of what it holds; nil: nothing was shipped of it, and there is no file.
    package func assemble(_ segment: WALSegment, upTo end: LSN? = nil, into path: String) throws -> LSN? {
        let pieces = TailPiece.longest(try pieces(of: segment.timeline), of: segment)
        let limit = min(end ?? segment.end, segment.end)
        guard let last = pieces.last, limit > segment.start else { return nil }
        do {
            let file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT | O_EXCL)
            var reached = segment.start
            for piece in pieces where reached < limit {
                let content = try content(of: piece)
                let from = Int(reached.bytes(since: piece.start))
                let count = Int(min(piece.end, limit).bytes(since: reached))
                try file.write(content[from..<from + count])
                reached = LSN(rawValue: reached.rawValue + UInt64(count))
            }
            guard ftruncate(file.rawValue, off_t(segment.size)) == 0 else { throw SystemError("extend", path: path) }
            try file.close()
            return min(last.end, limit)
        } catch {
            unlink(path)
            throw error
        }
    }

    private func content(of piece: TailPiece) throws -> [UInt8] {
        let key = piece.key(in: layout)
        guard let stored = try store.readAll(key, limit: 2 * TailShipper.mostBytes) else {
            throw ArchiveError(.unavailable, "'\(key)' was there and is gone")
        }
        var content: [UInt8] = []
        do {
            let decoder = try GzipCodec().makeDecoder()
            try decoder.write(stored.span.bytes) { bytes in bytes.withUnsafeBytes { content += $0 } }
            try decoder.finish()
        } catch let error as CompressionError {
            throw ArchiveError(.refused, "'\(key)' in the archive is damaged: \(error)")
        }
        guard UInt64(content.count) == piece.end.bytes(since: piece.start) else {
            throw ArchiveError(
                .refused, "'\(key)' in the archive has \(content.count) bytes, and its name says otherwise")
        }
        return content
    }
}
