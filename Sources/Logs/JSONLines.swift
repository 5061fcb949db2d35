/// A record as JSON objects, one a line.
///
/// A record that does not fit into one line goes on in further ones: `part` counts them from 1, time, logger and
/// identity are repeated, and what belongs to the same key is to be joined. Nothing is lost up to `maximumParts`
/// lines; the last one then says `"truncated":true`.
enum JSONLines {
    static func lines(of record: LogRecord) -> [[UInt8]] {
        let head = head(of: record)
        let identity = record.identity.flatMap { Array(",".utf8) + Piece($0, valueLimit: shortBytes).whole }
        var pieces = [Piece("msg", .text(record.message))]
        pieces += record.fields.map { Piece($0) }

        let size = head.count + identity.count + pieces.reduce(0) { $0 + 1 + $1.count } + tail.count
        if size <= LogFormat.maximumLineBytes {
            return [head + comma + pieces[0].whole + identity + pieces.dropFirst().flatMap { comma + $0.whole } + tail]
        }

        // What is short tells most: it goes on the first line, whatever is long.
        let sorted =
            pieces.dropFirst().filter { $0.count <= shortBytes }
            + pieces.prefix(1) + pieces.dropFirst().filter { $0.count > shortBytes }
        var rest = Array(sorted)
        var lines: [[UInt8]] = []
        while !rest.isEmpty, lines.count < maximumParts {
            var line = head + Array(",\"part\":\(lines.count + 1)".utf8) + identity
            let isLast = lines.count + 1 == maximumParts
            let room = LogFormat.maximumLineBytes - tail.count - (isLast ? truncationMark.count : 0)
            // Every line is to have a message, if an empty one.
            let reserved = comma.count + emptyMessage.count
            var hasMessage = false
            while let piece = rest.first {
                let isMessage = piece.isMessage
                let space = room - line.count - comma.count - (hasMessage || isMessage ? 0 : reserved)
                guard let taken = rest[0].take(space) else { break }
                line += comma + taken
                hasMessage = hasMessage || isMessage
                if rest[0].isDone { rest.removeFirst() }
            }
            if !hasMessage { line += comma + emptyMessage }
            if isLast, !rest.isEmpty { line += truncationMark }
            lines.append(line + tail)
        }
        return lines
    }

    private static func head(of record: LogRecord) -> [UInt8] {
        var logger = EscapedText(record.logger)
        return Array("{\"ts\":\"\(record.timestamp)\",\"level\":\"\(record.level)\",\"logger\":\"".utf8)
            + logger.takePrefix(shortBytes) + Array("\"".utf8)
    }

    /// A key with its value, or with what is left of it.
    private struct Piece {
        let isMessage: Bool
        private let key: [UInt8]
        private let quoted: Bool
        private var value: EscapedText
        private(set) var isDone = false

        init(_ key: String, _ value: LogRecord.Field.Value) {
            var escaped = EscapedText(key)
            self.key = Array("\"".utf8) + escaped.takePrefix(64) + Array("\":".utf8)
            isMessage = key == "msg"
            switch value {
            case .text(let text): (self.value, quoted) = (EscapedText(text), true)
            case .literal(let literal): (self.value, quoted) = (EscapedText(literal), false)
            }
        }

        init(_ field: LogRecord.Field, valueLimit: Int = .max) {
            self.init(field.key, field.value)
            value.truncate(to: valueLimit)
        }

        var count: Int { key.count + value.count + (quoted ? 2 : 0) }

        var whole: [UInt8] { key + quote + value.bytes + quote }

        /// The piece, or as much of it as is worth a line; nil when that does not fit into `space`.
        mutating func take(_ space: Int) -> [UInt8]? {
            if count <= space {
                isDone = true
                return whole
            }
            let room = space - key.count - 2
            guard quoted, room >= JSONLines.shortBytes else { return nil }
            return key + quote + value.takePrefix(room) + quote
        }

        private var quote: [UInt8] { quoted ? [UInt8(ascii: "\"")] : [] }
    }

    static let maximumParts = 64
    /// Bytes of a value up to which it is never divided; longer values of the identity are cut.
    private static let shortBytes = 256
    private static let comma = [UInt8(ascii: ",")]
    private static let tail = Array("}\n".utf8)
    private static let emptyMessage = Array("\"msg\":\"\"".utf8)
    private static let truncationMark = Array(",\"truncated\":true".utf8)
}
