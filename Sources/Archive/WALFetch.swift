import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform

/// Brings one WAL file back from the archive.
struct WALFetch: Sendable {
    let store: any ObjectStore
    let layout: ArchiveLayout

    private static let readable: [any Codec] = [GzipCodec(), IdentityCodec()]
    /// What Barman can write and we cannot read: such a file is there, so it must not count as absent.
    private static let unreadable = [".bz2", ".xz", ".snappy", ".zst", ".lz4"]

    /// Delivers a file under its full name at `path`, or not at all. A `.partial` file is never given for the whole.
    /// - Parameter system: whose WAL it has to be; nil: any.
    /// - Returns: false for a confirmed absence.
    func fetch(_ name: WALFileName, to path: String, of system: SystemIdentifier?) throws(ArchiveError) -> Bool {
        do {
            for codec in Self.readable {
                let key = layout.wal(name, suffix: codec.suffix)
                guard let reader = try store.read(key) else { continue }
                try deliver(reader, key, codec, name, to: path, of: system)
                return true
            }
            for suffix in Self.unreadable where try store.head(layout.wal(name, suffix: suffix)) != nil {
                throw ArchiveError(.refused, "\(name) is in the archive as '\(suffix)', which cannot be read here")
            }
            // An empty mount point looks like an archive without this file.
            guard try !store.listAll(layout.root).folders.isEmpty else {
                throw ArchiveError(.unavailable, "\(store) holds nothing of '\(layout.server)': is it mounted?")
            }
            return false
        } catch { throw ArchiveError(error) }
    }

    private func deliver(
        _ reader: any ObjectReader, _ key: ObjectKey, _ codec: any Codec, _ name: WALFileName, to path: String,
        of system: SystemIdentifier?
    ) throws {
        // One recovery asks for one file at a time, so what a killed one left behind is overwritten by the next.
        let temporary = path + ".fetching"
        do {
            let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_TRUNC)
            try Self.unpack(reader, key, codec, into: file)
            // Not synced: PostgreSQL does that itself with what it keeps.
            try file.close()
            try check(WALSource(path: temporary), key, name, of: system)
            guard rename(temporary, path) == 0 else { throw SystemError("rename", path: path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func unpack(
        _ reader: any ObjectReader, _ key: ObjectKey, _ codec: any Codec, into file: borrowing FileDescriptor
    ) throws {
        let decoder = try codec.makeDecoder()
        do {
            while true {
                let piece = try reader.read(upTo: WALSource.pieceSize)
                if piece.isEmpty { return try decoder.finish() }
                try decoder.write(piece.span.bytes) { content in
                    try content.withUnsafeBytes { try file.write($0) }
                }
            }
        } catch let error as CompressionError {
            throw ArchiveError(.refused, "'\(key)' in the archive is damaged: \(error)")
        }
    }

    /// PostgreSQL would stop at a segment of the wrong size, and would replay one of another system's.
    private func check(_ source: WALSource, _ key: ObjectKey, _ name: WALFileName, of system: SystemIdentifier?) throws {
        guard case .segment = name else { return }
        guard let header = WALPageHeader(try source.read(upTo: WALPageHeader.size)) else {
            throw ArchiveError(.refused, "'\(key)' in the archive is no WAL segment")
        }
        let expected = system ?? SystemIdentifier(rawValue: header.systemIdentifier)
        if let reason = try source.mismatch(with: name, of: expected) {
            throw ArchiveError(.refused, "'\(key)' in the archive is not \(name): \(reason)")
        }
    }
}
