import FoundationEssentials

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
    }

    static let fileName = "backup_manifest"

    let files: [Entry]

    private enum CodingKeys: String, CodingKey { case files = "Files" }

    init(_ bytes: [UInt8]) throws {
        self = try JSONDecoder().decode(BackupManifest.self, from: Data(bytes))
    }

    /// What does not match, in one sentence for each; a few are enough.
    func mismatches(_ sums: [String: UnpackedLedger.Sum], limit: Int = 5) -> [String] {
        var found: [String] = []
        for file in files {
            guard let path = file.path else { continue }
            guard let sum = sums[path] else {
                found.append("'\(path)' is missing")
                continue
            }
            if sum.size != file.size {
                found.append("'\(path)' has \(sum.size) bytes instead of \(file.size)")
            } else if file.algorithm == "CRC32C", let expected = file.checksum, expected != Self.text(sum.crc32c) {
                found.append("'\(path)' has another checksum than when it was backed up")
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
