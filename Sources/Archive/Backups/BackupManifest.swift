import ClusterModel
import FoundationEssentials
import ObjectStorage

/// PostgreSQL's `backup_manifest`, as far as a restore checks files against it.
struct BackupManifest: Decodable {
    struct Entry: Decodable {
        /// nil: a name that is no UTF-8.
        let path: String?
        let size: UInt64
        /// nil: none was computed.
        let algorithm: String?
        let checksum: String?

        private enum CodingKeys: String, CodingKey {
            case path = "Path"
            case size = "Size"
            case algorithm = "Checksum-Algorithm"
            case checksum = "Checksum"
        }

        /// What a file has otherwise, to be put behind its name; nil: nothing.
        func difference(from sum: UnpackedLedger.Sum) -> String? {
            if sum.size != size { return "has \(sum.size) bytes instead of \(size)" }
            guard algorithm == "CRC32C", let checksum, checksum != BackupManifest.text(sum.crc32c) else { return nil }
            return "has another checksum than when it was backed up"
        }
    }

    private struct Range: Decodable {
        let start: String

        private enum CodingKeys: String, CodingKey { case start = "Start-LSN" }
    }

    static let fileName = "backup_manifest"

    let files: [Entry]
    private let ranges: [Range]?

    private enum CodingKeys: String, CodingKey {
        case files = "Files"
        case ranges = "WAL-Ranges"
    }

    init(_ bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(BackupManifest.self, from: Data(bytes))
    }

    /// False for what pg_basebackup left in a server that was made by it, and that was backed up by somebody who does
    /// not leave it out: Barman.
    func isOf(_ backup: BackupInfo) -> Bool {
        guard let begin = backup.beginLSN, let ranges else { return true }
        return ranges.contains { LSN($0.start) == begin }
    }

    /// Whether the manifest's own checksum is right.
    static func isIntact(_ bytes: [UInt8]) -> Bool {
        let mark = Array("\"Manifest-Checksum\"".utf8)
        // It is the last line, and the sum is of all before it.
        let end = bytes.last == UInt8(ascii: "\n") ? bytes.count - 1 : bytes.count
        guard let newline = bytes[..<end].lastIndex(of: UInt8(ascii: "\n")) else { return false }
        let line = bytes[(newline + 1)..<end]
        guard line.starts(with: mark), let sum = try? ByteText.hex(Digests.sha256(Array(bytes[...newline]))) else {
            return false
        }
        return String(decoding: line.dropFirst(mark.count), as: UTF8.self).contains("\"\(sum)\"")
    }

    /// What does not match, in one sentence for each; a few are enough.
    func mismatches(_ sums: [String: UnpackedLedger.Sum], limit: Int = 5) -> [String] {
        var found: [String] = []
        for file in files {
            guard let path = file.path else { continue }
            if let sum = sums[path] {
                if let difference = file.difference(from: sum) { found.append("'\(path)' \(difference)") }
            } else {
                found.append("'\(path)' is missing")
            }
            if found.count >= limit { break }
        }
        return found
    }

    /// The bytes as the server writes them: lowest first.
    static func text(_ crc: UInt32) -> String {
        (0..<4).map { index in
            let digits = String(UInt8(truncatingIfNeeded: crc >> UInt32(8 * index)), radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
