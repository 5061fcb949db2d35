/// How records are written.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object a line, for machines.
    case json
    /// One line of text, for terminals.
    case text

    /// The record as lines, each with its line break.
    func lines(of record: LogRecord) -> [[UInt8]] {
        switch self {
        case .json: JSONLines.lines(of: record)
        case .text: [Self.textLine(of: record)]
        }
    }

    /// Longest line with its line break: PIPE_BUF. Several processes write to one pipe, and only so much is never
    /// mixed with what another writes at the same moment.
    static let maximumLineBytes = 4096

    private static func textLine(of record: LogRecord) -> [UInt8] {
        var text = "\(record.timestamp) \(record.level) \(record.logger): \(record.message)"
        for field in record.identity + record.fields {
            switch field.value {
            case .literal(let literal): text += " \(field.key)=\(literal)"
            case .text(let value) where value.contains(where: { $0.isWhitespace || $0 == "\"" || $0 == "=" }):
                text += " \(field.key)=\"\(value)\""
            case .text(let value): text += " \(field.key)=\(value)"
            }
        }
        // Control characters are escaped, so that no message can make a second line or steer the terminal.
        var escaped = EscapedText(text, forJSON: false)
        let mark = Array("…".utf8)
        var line = Array(escaped.takePrefix(maximumLineBytes - mark.count - 1))
        if !escaped.isEmpty { line += mark }
        return line + [UInt8(ascii: "\n")]
    }
}
