/// Puts the lines of a plain PostgreSQL log (standard error, or `log_destination = stderr`) together to records.
///
/// A message is a line with a severity, `… LOG:  text`; lines that begin with a tab continue it, and
/// `… DETAIL:  text` and its like belong to it. Lines of other programs (archive_command, libraries) stand alone.
struct PlainServerLog {
    private let member: String
    private var pending: LogRecord?
    /// What a continuation goes on with: a key of `pending`, nil for its message.
    private var openKey: String?
    private var pendingBytes = 0

    init(member: String) { self.member = member }

    /// Whether a record waits for what may belong to it; `finish` ends the wait.
    var isPending: Bool { pending != nil }

    /// Takes a line without its line break; returns what is complete by now.
    mutating func append(_ line: ArraySlice<UInt8>) -> [LogRecord] {
        if line.first == UInt8(ascii: "\t"), pending != nil, pendingBytes < Self.maximumBytes {
            extend(openKey, "\n" + String(decoding: line.dropFirst(), as: UTF8.self))
            return []
        }
        if line.isEmpty { return [] }
        if line.first == UInt8(ascii: "{") {
            return finish() + [PostgresRecord.record(jsonLine: line, member: member)]
        }
        guard let (prefix, tag, text) = Self.tagged(line) else {
            return finish() + [PostgresRecord.plain(line, member: member)]
        }
        if let severity = PostgresSeverity(rawValue: tag) {
            let complete = finish()
            var record = PostgresRecord.plain(Array(text.utf8), member: member)
            record.level = severity.level(ofSession: false)
            record.fields = [LogRecord.Field("error_severity", tag)]
            if !prefix.isEmpty { record.fields.append(LogRecord.Field("prefix", prefix)) }
            pending = record
            openKey = nil
            pendingBytes = line.count
            return complete
        }
        guard pending != nil, pendingBytes < Self.maximumBytes else {
            return finish() + [PostgresRecord.plain(line, member: member)]
        }
        openKey = tag.lowercased()
        pending?.fields.append(LogRecord.Field(tag.lowercased(), ""))
        extend(openKey, text)
        return []
    }

    /// What is still pending.
    mutating func finish() -> [LogRecord] {
        defer { pending = nil }
        return pending.map { [$0] } ?? []
    }

    private mutating func extend(_ key: String?, _ text: String) {
        pendingBytes += text.utf8.count
        guard let key else {
            pending?.message += text
            return
        }
        guard var record = pending, let last = record.fields.indices.last(where: { record.fields[$0].key == key }),
            case .text(let before) = record.fields[last].value
        else { return }
        record.fields[last].value = .text(before + text)
        pending = record
    }

    /// Splits `prefix TAG:  text`; nil when no tag is in the line.
    private static func tagged(_ line: ArraySlice<UInt8>) -> (prefix: String, tag: String, text: String)? {
        let text = String(decoding: line, as: UTF8.self)
        // The server writes two blanks, other programs that borrow the words mostly one.
        guard let separator = text.firstRange(of: ":  ") else { return nil }
        let before = text[..<separator.lowerBound]
        let tag = before.lastIndex(of: " ").map { before[before.index(after: $0)...] } ?? before
        guard PostgresSeverity(rawValue: String(tag)) != nil || details.contains(String(tag)) else { return nil }
        let prefix = before.dropLast(tag.count)
        return (String(prefix.drop { $0 == " " }).trimmingBlanks, String(tag), String(text[separator.upperBound...]))
    }

    private static let details: Set = ["DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"]
    private static let maximumBytes = 256 << 10
}

extension String {
    fileprivate var trimmingBlanks: String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
