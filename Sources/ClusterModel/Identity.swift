/// PostgreSQL's `system_identifier`, made by initdb: which cluster a data directory belongs to.
/// Text and JSON form: decimal digits (JSON numbers lose precision above 2^53).
package struct SystemIdentifier: RawRepresentable, Hashable, Sendable, CustomStringConvertible, Codable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init?(_ text: some StringProtocol) {
        guard let value = UInt64(text), value > 0 else { return nil }
        rawValue = value
    }

    package var description: String { String(rawValue) }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = SystemIdentifier(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "'\(text)' is no system identifier")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The stable name of a member, as in a StatefulSet: `pg-1`. The same name may be borne by one incarnation after another.
package struct MemberName: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible,
    ExpressibleByStringLiteral, Codable, CodingKeyRepresentable
{
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }
    package init(_ text: String) { rawValue = text }
    package init(stringLiteral value: String) { rawValue = value }
    package init?(codingKey: some CodingKey) { rawValue = codingKey.stringValue }
    package init(from decoder: any Decoder) throws {
        rawValue = try decoder.singleValueContainer().decode(String.self)
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }

    package var codingKey: any CodingKey { Key(stringValue: rawValue) }
    package var description: String { rawValue }

    package static func < (left: MemberName, right: MemberName) -> Bool { left.rawValue < right.rawValue }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

/// One run of one member: a name alone is never an identity, because pods of the same name follow each other.
/// Text and JSON form: `name/pod uid/boot id`, where the boot id is drawn anew by every start of PID 1.
package struct Incarnation: Hashable, Sendable, CustomStringConvertible, Codable {
    package let name: MemberName
    package let podUID: String
    package let bootID: String

    package init(name: MemberName, podUID: String, bootID: String) {
        self.name = name
        self.podUID = podUID
        self.bootID = bootID
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, !parts[0].isEmpty, !parts[2].isEmpty else { return nil }
        self.init(name: MemberName(String(parts[0])), podUID: String(parts[1]), bootID: String(parts[2]))
    }

    package var description: String { "\(name)/\(podUID)/\(bootID)" }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Incarnation(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is not name/pod uid/boot id")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
