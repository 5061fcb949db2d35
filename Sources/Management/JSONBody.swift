import ClusterModel
import FoundationEssentials

/// Bodies in JSON: the only place of this room that knows how they are written and read.
enum JSONBody {
    struct Problem: Encodable {
        let error: String
        let hint: String?
        var wouldLoseBytes: UInt64?
    }

    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    /// nil when the value has no JSON form.
    static func encode(_ value: some Encodable) -> [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return nil }
        return [UInt8](data) + [UInt8(ascii: "\n")]
    }

    /// Reads what another member sent: keys that this version does not know are left alone.
    static func decode<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) throws(Mistake) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw Mistake(description: "the body is no \(type)")
        }
    }
}

/// The body of a command: an object of plain values, or nothing at all.
struct CommandBody {
    private enum Value: Decodable {
        case text(String)
        case number(Int64)
        case flag(Bool)
        case nothing

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .nothing
            } else if let flag = try? container.decode(Bool.self) {
                self = .flag(flag)
            } else if let number = try? container.decode(Int64.self) {
                self = .number(number)
            } else {
                self = .text(try container.decode(String.self))
            }
        }
    }

    private let values: [String: Value]

    /// - Throws: also for a key that is not known: with a mistyped `to` the primary would go to a member that nobody
    ///   named.
    init(_ body: [UInt8], keys: [String]) throws(JSONBody.Mistake) {
        guard !body.isEmpty else {
            values = [:]
            return
        }
        do {
            values = try JSONDecoder().decode([String: Value].self, from: Data(body))
        } catch {
            throw JSONBody.Mistake(description: "the body is no JSON object of texts, whole numbers, true and false")
        }
        if let unknown = values.keys.sorted().first(where: { !keys.contains($0) }) {
            throw JSONBody.Mistake(description: "unknown key '\(unknown.prefix(64))'")
        }
    }

    func name(_ key: String) throws(JSONBody.Mistake) -> MemberName? {
        switch values[key] {
        case nil, .nothing: return nil
        case .text(""): throw JSONBody.Mistake(description: "'\(key)' is empty")
        case .text(let text): return MemberName(text)
        default: throw JSONBody.Mistake(description: "'\(key)' is no text")
        }
    }

    func text(_ key: String) throws(JSONBody.Mistake) -> String? { try name(key)?.rawValue }

    /// Hosts with commas, each with a port if it has another than the usual one.
    func hosts(_ key: String) throws(JSONBody.Mistake) -> String? {
        guard let text = try text(key) else { return nil }
        let isPlain = text.utf8.allSatisfy { byte in
            (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
                || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")) || ".-_:,[]".utf8.contains(byte)
        }
        guard isPlain, text.utf8.count <= 1000,
            !text.split(separator: ",", omittingEmptySubsequences: false).contains("")
        else { throw JSONBody.Mistake(description: "'\(key)' is no list of hosts such as \"10.0.1.1,10.0.1.2:5433\"") }
        return text
    }

    func token(_ key: String) throws(JSONBody.Mistake) -> DemotionToken? {
        guard let text = try text(key) else { return nil }
        guard let token = DemotionToken(text) else {
            throw JSONBody.Mistake(
                description: "'\(key)' is no token such as \"7234567890123456789:3:0/60000A0\"")
        }
        return token
    }

    func flag(_ key: String) throws(JSONBody.Mistake) -> Bool {
        switch values[key] {
        case nil, .nothing: return false
        case .flag(let flag): return flag
        default: throw JSONBody.Mistake(description: "'\(key)' is neither true nor false")
        }
    }

    /// Milliseconds since 1970.
    func moment(_ key: String) throws(JSONBody.Mistake) -> Int64? {
        switch values[key] {
        case nil, .nothing: return nil
        case .number(let number): return number
        case .text(let text):
            guard let moment = MomentText.milliseconds(text) else { fallthrough }
            return moment
        default:
            throw JSONBody.Mistake(
                description: "'\(key)' is no time such as \"2026-01-02T03:04:05Z\", nor milliseconds since 1970")
        }
    }
}
