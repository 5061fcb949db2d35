import ClusterModel
import ObjectStorage
import Postgres

/// PostgreSQL's `backup_manifest`, written for a backup that we took: `pg_verifybackup` checks a restore by it.
struct BackupManifestText {
    struct Entry: Hashable {
        let path: String
        let size: UInt64
        /// Seconds since 1970.
        let modified: Int64
        /// CRC-32C.
        let sum: UInt32
    }

    let entries: [Entry]
    let timeline: TimelineID
    let start: LSN
    let end: LSN
    let systemIdentifier: SystemIdentifier
    /// `server_version_num`.
    let serverVersion: Int

    /// 2 since PostgreSQL 17, with the system identifier.
    var version: Int { serverVersion >= 170_000 ? 2 : 1 }

    func encoded() throws -> [UInt8] {
        var text = "{ \"PostgreSQL-Backup-Manifest-Version\": \(version),\n"
        if version >= 2 { text += "\"System-Identifier\": \(systemIdentifier),\n" }
        text += "\"Files\": ["
        var separator = "\n"
        for entry in entries {
            text += separator + "{ \"Path\": " + Self.quote(entry.path) + ", \"Size\": \(entry.size), "
            text += "\"Last-Modified\": \"\(Self.time(entry.modified))\", "
            text += "\"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"\(BackupManifest.text(entry.sum))\" }"
            separator = ",\n"
        }
        text += "\n],\n\"WAL-Ranges\": [\n"
        text += "{ \"Timeline\": \(timeline), \"Start-LSN\": \"\(start)\", \"End-LSN\": \"\(end)\" }\n],\n"
        // The sum is that of everything before its own line.
        let sum = ByteText.hex(try Digests.sha256(Array(text.utf8)))
        text += "\"Manifest-Checksum\": \"\(sum)\"}\n"
        return Array(text.utf8)
    }

    private static func time(_ seconds: Int64) -> String {
        let text = Timestamp(microseconds: seconds * 1_000_000).description
        return text.prefix(19) + " GMT"
    }

    private static func quote(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
