import ClusterModel
import FoundationEssentials

/// Bodies in JSON: the only place of this room that knows how they are written and read.
enum JSONBody {
    struct Problem: Encodable {
        let error: String
        let hint: String?
    }

    /// nil when the value has no JSON form.
    static func encode(_ value: some Encodable) -> [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else { return nil }
        return [UInt8](data) + [UInt8(ascii: "\n")]
    }

    /// Reads a command; no body at all asks for the best candidate.
    /// - Throws: `Mistake`, also for a key that is not known: with a mistyped `to` the primary would go to a member that
    ///   nobody named.
    static func switchover(_ body: [UInt8]) throws(Mistake) -> SwitchoverCommand {
        if body.isEmpty { return SwitchoverCommand() }
        do {
            let strict = try JSONDecoder().decode(StrictCommand.self, from: Data(body))
            return strict.command
        } catch let mistake as Mistake {
            throw mistake
        } catch {
            throw Mistake(description: "the body is no JSON object with the names of members as text")
        }
    }

    struct Mistake: Error, CustomStringConvertible {
        let description: String
    }

    private struct StrictCommand: Decodable {
        let command: SwitchoverCommand

        struct Key: CodingKey {
            let stringValue: String
            var intValue: Int? { nil }
            init(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            for key in container.allKeys.map(\.stringValue).sorted() where key != "from" && key != "to" {
                throw Mistake(description: "unknown key '\(key.prefix(64))'")
            }
            func name(_ key: String) throws -> MemberName? {
                let text = try container.decodeIfPresent(String.self, forKey: Key(stringValue: key))
                if text?.isEmpty == true { throw Mistake(description: "'\(key)' is empty") }
                return text.map { MemberName($0) }
            }
            command = SwitchoverCommand(from: try name("from"), to: try name("to"))
        }
    }
}
