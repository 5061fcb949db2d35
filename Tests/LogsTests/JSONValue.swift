import FoundationEssentials

/// Any JSON, read by a decoder that is not ours.
enum JSONValue: Decodable, Hashable, Sendable {
    case text(String)
    case number(Double)
    case flag(Bool)
    case other

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else {
            self = .other
        }
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
}

/// One line as a reader of the log sees it.
typealias JSONLine = [String: JSONValue]

/// The lines of a log; throws when one of them is not a JSON object.
func parse(_ bytes: some Collection<UInt8>) throws -> [JSONLine] {
    try bytes.split(separator: UInt8(ascii: "\n")).map {
        do { return try JSONDecoder().decode(JSONLine.self, from: Data($0)) } catch {
            throw NoJSON(description: "no JSON object: \(String(decoding: $0, as: UTF8.self)): \(error)")
        }
    }
}

struct NoJSON: Error, CustomStringConvertible {
    let description: String
}
