import ClusterModel
import Compression
import ObjectStorage
import Platform

/// Puts one file of `pg_wal` into the archive, and returns only once it is durable there.
struct WALPush: Sendable {
    let store: any ObjectStore
    let layout: ArchiveLayout
    let codec: any Codec
    let gate: LeaseGate

    struct Success: Hashable, Sendable {
        let source: WALSource.Identity
        /// Written to the archive; 0: it was there already.
        var storedBytes: UInt64 = 0
        /// Worth a line in the log: what was done in place of the usual.
        var note: String?
    }

    /// More copies of one `.partial` or `.backup` file than promotions can make.
    private static let mostVariants = 16

    /// - Parameter onlyIfMissing: whether an object of that name is good enough, whatever it holds.
    func push(
        _ name: WALFileName, from path: String, of system: SystemIdentifier, onlyIfMissing: Bool = false
    ) throws(ArchiveError) -> Success {
        try gate.check()
        do {
            let source = try WALSource(path: path)
            if onlyIfMissing, try store.head(layout.wal(name, suffix: codec.suffix)) != nil {
                return Success(source: source.identity)
            }
            if let reason = try source.mismatch(with: name, of: system) {
                throw ArchiveError(.refused, "'\(path)' is not \(name): \(reason)")
            }
            let (outcome, bytes) = try put(source, layout.wal(name, suffix: codec.suffix))
            if outcome != .different { return Success(source: source.identity, storedBytes: bytes) }
            switch name {
            case .history(let timeline) where try isUnused(source, timeline):
                return Success(source: source.identity, note: "the archive holds a real \(name), which counts")
            case .segment, .history:
                throw ArchiveError(
                    .refused,
                    "the archive holds another \(name) already: it was not overwritten; two primaries, or two clusters, "
                        + "have written to '\(layout.server)'", isConflict: true)
            case .partial, .backup:
                return try pushVariant(name, source)
            }
        } catch { throw ArchiveError(error) }
    }

    /// Whether the archive has this very file already. Writes nothing, so it needs no lease.
    func isArchived(_ name: WALFileName, from path: String) throws(ArchiveError) -> Bool {
        do {
            let key = layout.wal(name, suffix: codec.suffix)
            guard let existing = try store.read(key) else { return false }
            guard try isEqual(existing, to: WALSource(path: path), key) else {
                throw ArchiveError(
                    .refused,
                    "the archive holds another \(name): two primaries, or two clusters, have written to "
                        + "'\(layout.server)'")
            }
            return true
        } catch { throw ArchiveError(error) }
    }

    /// Whether a history file stands for a number that was promised and not used: it has no ancestors, which no real one
    /// lacks. Whoever was promised that number may have used and archived it after all.
    private func isUnused(_ source: WALSource, _ timeline: TimelineID) throws -> Bool {
        try source.rewind()
        let content = String(decoding: try source.read(), as: UTF8.self)
        return content.hasPrefix("#")
            && TimelineHistory(timeline: timeline, content: content)?.ancestors.isEmpty ?? false
    }

    /// Two promoted servers may leave different ends of the same segment, both of them right: that must not stop
    /// archiving. The first one keeps its name, the others are kept beside it.
    private func pushVariant(_ name: WALFileName, _ source: WALSource) throws -> Success {
        for number in 1...Self.mostVariants {
            let key = layout.variant(name, number: number, suffix: codec.suffix)
            let (outcome, bytes) = try put(source, key)
            if outcome != .different {
                return Success(
                    source: source.identity, storedBytes: bytes,
                    note: "the archive holds another \(name) already: this one was archived as '\(key)'")
            }
        }
        throw ArchiveError(.refused, "the archive holds \(Self.mostVariants) different copies of \(name)")
    }

    /// - Returns: also the bytes that were stored.
    private func put(_ source: WALSource, _ key: ObjectKey) throws -> (PutOutcome, bytes: UInt64) {
        var bytes: UInt64 = 0
        let outcome = try store.putIfAbsent(key, if: gate.check) { upload in
            bytes = try compress(source, into: upload)
        } isEqual: { existing in
            try isEqual(existing, to: source, key)
        }
        return (outcome, outcome == .created ? bytes : 0)
    }

    private func compress(_ source: WALSource, into upload: any ObjectUpload) throws -> UInt64 {
        var stored: UInt64 = 0
        func store(_ piece: RawSpan) throws {
            stored += UInt64(piece.byteCount)
            try upload.write(piece)
        }
        let encoder = try codec.makeEncoder()
        try source.rewind()
        let count = try source.readAll { piece in try encoder.write(piece, to: store) }
        try encoder.finish(to: store)
        guard count == source.identity.size else {
            throw ArchiveError(.unavailable, "'\(source.path)' changed while it was read")
        }
        return stored
    }

    /// Compares what the objects mean: another level of compression is no difference.
    private func isEqual(_ existing: any ObjectReader, to source: WALSource, _ key: ObjectKey) throws -> Bool {
        let decoder = try codec.makeDecoder()
        try source.rewind()
        var same = true
        do {
            while same {
                let piece = try existing.read(upTo: WALSource.pieceSize)
                if piece.isEmpty {
                    try decoder.finish()
                    return try source.read(upTo: 1).isEmpty
                }
                try decoder.write(piece.span.bytes) { content in
                    same = try same && Self.continues(source, with: content)
                }
            }
        } catch let error as CompressionError {
            throw ArchiveError(.refused, "the archive holds '\(key)' already, and it cannot be read: \(error)")
        }
        return false
    }

    private static func continues(_ source: WALSource, with content: RawSpan) throws -> Bool {
        var position = 0
        while position < content.byteCount {
            let piece = try source.read(upTo: content.byteCount - position)
            if piece.isEmpty { return false }
            let part = content.extracting(position..<position + piece.count)
            guard part.withUnsafeBytes({ $0.elementsEqual(piece) }) else { return false }
            position += piece.count
        }
        return true
    }
}
