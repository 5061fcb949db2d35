import Platform
import Postgres

extension BackupPart {
    /// The order of a part's bytes, cut into chunks one after the other.
    struct Composition {
        private let root: String
        private let prefix: String
        private let checksums: PageChecksums?
        private var directories: ArraySlice<BackupFileList.Item>
        private var files: ArraySlice<BackupFileList.Item>
        /// Behind all files.
        var contents: [(header: TarHeader, bytes: [UInt8])] = []
        /// Whether more is appended later.
        var isOpen: Bool
        private var current: Entry?
        /// In the tar.
        private var offset: UInt64 = 0
        private(set) var chunks = 0
        /// Its files and directories.
        private(set) var index = BackupPartIndex()
        private(set) var records: [BackupSource.Record] = []

        /// The file that is being cut.
        private struct Entry {
            let source: BackupSource?
            var bytes: ArraySlice<UInt8>
            let size: UInt64
            var position: UInt64 = 0
            var pieces = 0
        }

        init(_ plan: BackupPlan.Part, checksums: PageChecksums?, isOpen: Bool) {
            root = plan.root
            prefix = BackupFileList.prefix(plan.name.content)
            self.checksums = checksums
            directories = plan.directories[...]
            files = plan.files[...]
            self.isOpen = isOpen
        }

        /// Whether all chunks have been handed out.
        var isComplete: Bool {
            !isOpen && current == nil && directories.isEmpty && files.isEmpty && contents.isEmpty
        }

        mutating func next() throws -> Chunk? {
            var chunk = Chunk(number: chunks)
            while chunk.size < BackupPart.chunkSize {
                if current != nil {
                    guard cut(into: &chunk) else { break }
                } else if let header = try open() {
                    add(.bytes(header), header.count, to: &chunk)
                } else {
                    break
                }
            }
            guard chunk.size > 0 else { return nil }
            chunks += 1
            return chunk
        }

        private mutating func add(_ piece: Piece, _ count: Int, to chunk: inout Chunk) {
            chunk.pieces.append(piece)
            chunk.size += count
            offset += UInt64(count)
        }

        /// - Returns: false when the rest of the chunk is too small for a page.
        private mutating func cut(into chunk: inout Chunk) -> Bool {
            guard var entry = current else { return false }
            let left = entry.size - entry.position
            var count = Int(min(UInt64(BackupPart.chunkSize - chunk.size), left))
            // Pages are never cut: they are checked in one piece.
            if UInt64(count) < left { count -= count % PageChecksums.pageSize }
            guard count > 0 || left == 0 else { return false }
            if count > 0 {
                if let source = entry.source {
                    add(
                        .file(source, offset: entry.position, count: count, number: entry.pieces), count, to: &chunk)
                } else {
                    add(.bytes(Array(entry.bytes.prefix(count))), count, to: &chunk)
                    entry.bytes = entry.bytes.dropFirst(count)
                }
                entry.pieces += 1
                entry.position += UInt64(count)
            }
            current = entry
            if entry.position == entry.size {
                let padding = TarHeader.padding(after: entry.size)
                if padding > 0 { add(.bytes([UInt8](repeating: 0, count: padding)), padding, to: &chunk) }
                current = nil
            }
            return true
        }

        /// The header of the next entry; nil when there is none for now.
        private mutating func open() throws -> [UInt8]? {
            if let directory = directories.popFirst() {
                index.directories.append(.init(path: directory.path, mode: directory.mode))
                return directory.header(kind: .directory).encoded
            }
            while let item = files.popFirst() {
                guard let source = try BackupSource(item, in: root, prefix: prefix, checksums: checksums) else {
                    continue
                }
                records.append(source.record)
                var header = item.header(kind: .file)
                header.size = source.record.size
                header.modified = source.record.modified
                return begin(header, Entry(source: source, bytes: [], size: header.size))
            }
            guard !contents.isEmpty else { return nil }
            let (header, bytes) = contents.removeFirst()
            return begin(header, Entry(source: nil, bytes: bytes[...], size: header.size))
        }

        private mutating func begin(_ header: TarHeader, _ entry: Entry) -> [UInt8] {
            let encoded = header.encoded
            index.files.append(
                .init(
                    path: header.name, offset: offset + UInt64(encoded.count), size: header.size, mode: header.mode))
            current = entry
            return encoded
        }
    }
}
