import Compression
import FoundationEssentials
import ObjectStorage

/// Where the bytes of one part of a base backup are, so that it can be inflated in pieces, in parallel and by ranged
/// reads. Beside the backup, as gzipped JSON:
///
///     {"version": 1, "size": 5242880, "chunks": [[1048064, 53211, 3735928559], …],
///      "files": [["base/5/1249", 512, 8192, 384], …], "directories": [[".", 448], …]}
///
/// An archive without it is no worse: whoever finds none, or one that does not fit its part, reads the part as a stream.
package struct BackupPartIndex: Hashable, Sendable {
    /// Independently deflated, in the order of the tar, without a gap: the first one starts behind the gzip header, at
    /// `GzipMember.header.count`; behind the last one the trailer follows.
    package var chunks: [GzipChunk]
    /// Every regular file, in the order of the tar.
    package var files: [File]
    /// Only part 0 has any; parents before children.
    package var directories: [Directory]
    /// Bytes of the whole object. Another size in the archive: not the object that this was made for.
    package var size: UInt64

    package struct File: Hashable, Sendable {
        /// As the tar has it: relative to the data directory or the tablespace.
        package let path: String
        /// Of its first byte, in the uncompressed tar.
        package let offset: UInt64
        /// Bytes.
        package let size: UInt64
        /// Permission bits.
        package let mode: UInt32

        package init(path: String, offset: UInt64, size: UInt64, mode: UInt32) {
            self.path = path
            self.offset = offset
            self.size = size
            self.mode = mode
        }
    }

    package struct Directory: Hashable, Sendable {
        package let path: String
        package let mode: UInt32

        package init(path: String, mode: UInt32) {
            self.path = path
            self.mode = mode
        }
    }

    package init(
        chunks: [GzipChunk] = [], files: [File] = [], directories: [Directory] = [], size: UInt64 = 0
    ) {
        self.chunks = chunks
        self.files = files
        self.directories = directories
        self.size = size
    }

    /// Bytes of the tar.
    package var uncompressedSize: UInt64 { chunks.reduce(0) { $0 + UInt64($1.uncompressed) } }

    /// Largest object that is read as an index.
    private static let largest = 256 << 20
}

extension BackupPartIndex: Codable {
    private enum Key: String, CodingKey { case version, size, chunks, files, directories }
    private static let version = 1

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let version = try container.decode(Int.self, forKey: .version)
        guard version == Self.version else {
            throw DecodingError.dataCorruptedError(
                forKey: .version, in: container, debugDescription: "version \(version) of the index is not known here")
        }
        size = try container.decode(UInt64.self, forKey: .size)
        chunks = try container.decode([GzipChunk].self, forKey: .chunks)
        files = try container.decode([File].self, forKey: .files)
        directories = try container.decode([Directory].self, forKey: .directories)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(Self.version, forKey: .version)
        try container.encode(size, forKey: .size)
        try container.encode(chunks, forKey: .chunks)
        try container.encode(files, forKey: .files)
        try container.encode(directories, forKey: .directories)
    }

    /// nil when there is none. One that cannot be read is an error of the archive, not of its backup: callers go on
    /// without.
    package static func read(
        _ store: any ObjectStore, _ layout: ArchiveLayout, part: BackupPartName, of id: String
    ) throws -> BackupPartIndex? {
        guard let content = try store.readGzip(layout.index(of: part, id), limit: largest) else { return nil }
        return try JSONDecoder().decode(BackupPartIndex.self, from: Data(content))
    }

    /// As the object holds it.
    package var encoded: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return try Array(encoder.encode(self)).gzipped()
        }
    }
}

// Arrays instead of objects: there may be a hundred thousand of each.

extension GzipChunk: Codable {
    package init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        self.init(
            uncompressed: try values.decode(Int.self), compressed: try values.decode(Int.self),
            sum: try values.decode(UInt32.self))
        guard uncompressed > 0, compressed > 0 else {
            throw DecodingError.dataCorruptedError(in: values, debugDescription: "a chunk without content")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        try values.encode(uncompressed)
        try values.encode(compressed)
        try values.encode(sum)
    }
}

extension BackupPartIndex.File: Codable {
    package init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        path = try values.decode(String.self)
        offset = try values.decode(UInt64.self)
        size = try values.decode(UInt64.self)
        mode = try values.decode(UInt32.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        try values.encode(path)
        try values.encode(offset)
        try values.encode(size)
        try values.encode(mode)
    }
}

extension BackupPartIndex.Directory: Codable {
    package init(from decoder: any Decoder) throws {
        var values = try decoder.unkeyedContainer()
        path = try values.decode(String.self)
        mode = try values.decode(UInt32.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.unkeyedContainer()
        try values.encode(path)
        try values.encode(mode)
    }
}
