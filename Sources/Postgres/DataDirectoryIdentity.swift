import ClusterModel
import FoundationEssentials

/// `pgmahout.json` in a data directory: whose it is, and the highest term that it was opened under.
///
/// Base backups and pg_rewind copy it from the primary, so it is written anew after both.
package struct DataDirectoryIdentity: Hashable, Sendable, Codable {
    static let fileName = "pgmahout.json"
    /// Format of the file; a newer one is refused instead of guessed.
    static let currentFormat = 1

    package private(set) var format = DataDirectoryIdentity.currentFormat
    package var cluster: String
    package var systemIdentifier: SystemIdentifier
    package var majorVersion: Int
    /// 0: made by initdb and never opened, so that nothing in it was ever acknowledged to anybody.
    package var term: UInt64
    /// The cluster followed another one when the directory was last started; absent: it did not.
    package var followsRemote: Bool?

    package init(cluster: String, systemIdentifier: SystemIdentifier, majorVersion: Int, term: UInt64) {
        self.cluster = cluster
        self.systemIdentifier = systemIdentifier
        self.majorVersion = majorVersion
        self.term = term
    }
}

/// Sorted, one key a line: people read these files.
func encodeDocument(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return Array(try encoder.encode(value)) + [UInt8(ascii: "\n")]
}

func decodeDocument<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
    try JSONDecoder().decode(type, from: Data(bytes))
}
