import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Synchronization

/// Brings one WAL file back from the archive.
struct WALFetch: Sendable {
    let store: any ObjectStore
    let layout: ArchiveLayout

    private static let readable: [any Codec] = [GzipCodec(), IdentityCodec()]
    /// What Barman can write and we cannot read: such a file is there, so it must not count as absent.
    private static let unreadable = [".bz2", ".xz", ".snappy", ".zst", ".lz4"]

    /// A file that somebody wants at a path; whoever has gone away meanwhile does not want it any more.
    final class Request: Sendable {
        let name: WALFileName
        let path: String
        private let abandoned = Atomic<Bool>(false)

        init(name: WALFileName, path: String) {
            self.name = name
            self.path = path
        }

        func abandon() { abandoned.store(true, ordering: .releasing) }
        var isAbandoned: Bool { abandoned.load(ordering: .acquiring) }
    }

    /// Delivers a file under its full name, or not at all. A `.partial` file is never given for the whole.
    /// - Parameter system: whose WAL it has to be; nil: any.
    /// - Returns: false for a confirmed absence.
    func fetch(_ request: Request, of system: SystemIdentifier?) throws(ArchiveError) -> Bool {
        let name = request.name
        do {
            for codec in Self.readable {
                let key = layout.wal(name, suffix: codec.suffix)
                guard let reader = try store.read(key) else { continue }
                try deliver(reader, key, codec, request, of: system)
                return true
            }
            try confirmAbsence(of: name)
            return false
        } catch { throw ArchiveError(error) }
    }

    /// One listing instead of a question for each form that it might have.
    private func confirmAbsence(of name: WALFileName) throws {
        let bare = layout.wal(name, suffix: "")
        let page = try store.list(layout.directory(of: name), after: bare, recursive: false)
        for object in page.objects.prefix(16) {
            for suffix in Self.unreadable where object.key.text == bare.text + suffix {
                throw ArchiveError(.refused, "\(name) is in the archive as '\(suffix)', which cannot be read here")
            }
        }
        guard page.objects.isEmpty, page.folders.isEmpty else { return }
        // An empty mount point looks like an archive without this file.
        guard try !store.listAll(layout.root).folders.isEmpty else {
            throw ArchiveError(.unavailable, "\(store) holds nothing of '\(layout.server)': is it mounted?")
        }
    }

    private func deliver(
        _ reader: any ObjectReader, _ key: ObjectKey, _ codec: any Codec, _ request: Request,
        of system: SystemIdentifier?
    ) throws {
        // PostgreSQL wants one file after the other at the same path, and an earlier request may still hang.
        let temporary = Files.temporaryPath(for: request.path)
        do {
            let file = try FileDescriptor(opening: temporary, O_WRONLY | O_CREAT | O_EXCL)
            try Self.unpack(reader, key, codec, into: file)
            // Not synced: PostgreSQL does that itself with what it keeps.
            try file.close()
            try check(temporary, request.name, of: system, key)
            guard !request.isAbandoned else { throw ArchiveError(.unavailable, "nobody waits for it any more") }
            guard rename(temporary, request.path) == 0 else { throw SystemError("rename", path: request.path) }
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
    /// - Parameter key: nil: what the archive has of it is not one object.
    func check(_ path: String, _ name: WALFileName, of system: SystemIdentifier?, _ key: ObjectKey? = nil) throws {
        guard case .segment = name else { return }
        let source = try WALSource(path: path)
        let what = key.map { "'\($0)' in the archive" } ?? "the tail in the archive"
        guard let header = WALPageHeader(try source.read(upTo: WALPageHeader.size)) else {
            throw ArchiveError(.refused, "\(what) is no WAL segment")
        }
        let expected = system ?? SystemIdentifier(rawValue: header.systemIdentifier)
        if let reason = try source.mismatch(with: name, of: expected) {
            throw ArchiveError(.refused, "\(what) is not \(name): \(reason)")
        }
    }
}
