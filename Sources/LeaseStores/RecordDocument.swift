import ClusterModel
import FoundationEssentials

/// The record as one JSON object with sorted keys, the same in every store.
package enum RecordDocument {
    /// Far above any real record: a thousand members make 300 KB.
    package static let maximumBytes = 1 << 20

    /// Errors: `invalid` when the record is of another cluster than `cluster`.
    package static func encode(_ record: ClusterRecord, cluster: String) throws(LeaseStoreError) -> [UInt8] {
        guard record.cluster == cluster else { throw foreign(record.cluster, cluster) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return Array(try encoder.encode(record)) } catch {
            throw .invalid("it cannot be written as JSON: \(error)")
        }
    }

    /// Errors: `invalid`, with `source` (a path, a key) in the text.
    package static func decode(_ bytes: [UInt8], cluster: String, source: String) throws(LeaseStoreError)
        -> ClusterRecord
    {
        let decoder = JSONDecoder()
        let data = Data(bytes)
        do {
            // The envelope first: what else a newer format looks like is unknown.
            let envelope = try decoder.decode(Envelope.self, from: data)
            guard envelope.format <= ClusterRecord.currentFormat else {
                throw LeaseStoreError.invalid(
                    "\(source) has format \(envelope.format), and this version knows formats up to "
                        + "\(ClusterRecord.currentFormat): run the version here that the other members run")
            }
            guard envelope.cluster == cluster else { throw foreign(envelope.cluster, cluster, source: source) }
            return try decoder.decode(ClusterRecord.self, from: data)
        } catch let error as LeaseStoreError {
            throw error
        } catch {
            throw .invalid(
                "\(source) is no cluster record: \(explain(error)); move it away, or put back what was there before")
        }
    }

    private struct Envelope: Decodable {
        var format: Int
        var cluster: String
    }

    private static func foreign(_ found: String, _ cluster: String, source: String = "it") -> LeaseStoreError {
        .invalid(
            "\(source) belongs to the cluster '\(found)', and this member to '\(cluster)': correct the name of the "
                + "cluster, or give each cluster a place of its own")
    }

    private static func explain(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            "'\(path(context.codingPath + [key]))' is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            context.codingPath.isEmpty
                ? context.debugDescription : "'\(path(context.codingPath))': \(context.debugDescription)"
        default: "\(error)"
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String {
        keys.map(\.stringValue).joined(separator: ".")
    }
}
