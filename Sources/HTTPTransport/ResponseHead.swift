/// The header fields of an answer, line by line as they come in.
struct ResponseHead {
    private(set) var fields: [String: String] = [:]
    /// Of the answer that `fields` belong to; 0 before the first line.
    private(set) var status = 0
    /// Whether all fields of the final answer, which is not an interim one, are there. What comes later are trailers.
    private(set) var isComplete = false
    private var bytes = 0

    /// Takes one line with its line end. False when there are more than a client should keep.
    mutating func append(_ line: some Collection<UInt8>) -> Bool {
        bytes += line.count
        guard bytes <= Self.maximumBytes else { return false }
        let text = String(decoding: line, as: UTF8.self)
        // An interim answer (1xx) has fields of its own.
        if text.hasPrefix("HTTP/") {
            fields = [:]
            status = text.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix(3)) } ?? 0
            return true
        }
        if line.first == UInt8(ascii: "\r") || line.first == UInt8(ascii: "\n") {
            if status >= 200 { isComplete = true }
            return true
        }
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return true }
        let name = text[..<colon].lowercased()
        let value = Self.trimmed(text[text.utf8.index(after: colon)...])
        fields[name] = fields[name].map { "\($0), \(value)" } ?? value
        return true
    }

    private static func trimmed(_ text: Substring) -> String {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" || $0.isNewline }
        return String(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }

    private static let maximumBytes = 64 << 10
}
