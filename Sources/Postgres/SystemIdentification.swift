import ClusterModel

/// The answer to `IDENTIFY_SYSTEM`: what a server is and where it stands, without SQL.
package struct SystemIdentification: Hashable, Sendable {
    package var systemIdentifier: SystemIdentifier
    /// Primary: the one it writes. Standby: the one it has replayed to.
    package var timeline: TimelineID
    /// Primary: flushed. Standby: replayed, or received and flushed on the same timeline if that is more.
    package var position: LSN

    /// - Parameter connection: one for replication.
    package static func take(
        on connection: SQLConnection, deadline: Instant
    ) throws(SQLError) -> SystemIdentification {
        let rows = try connection.query("IDENTIFY_SYSTEM", deadline: deadline)
        guard let row = rows.first, row.count >= 3, let system = row[0].flatMap({ SystemIdentifier($0) }),
            let timeline = row[1].flatMap({ UInt32($0) }), let position = row[2].flatMap({ LSN($0) })
        else { throw SQLError(.server, "IDENTIFY_SYSTEM gave no answer that could be understood") }
        return SystemIdentification(
            systemIdentifier: system, timeline: TimelineID(timeline), position: position)
    }

    /// The ancestry of `timeline` as the server knows it.
    /// - Parameter connection: one for replication.
    package static func history(
        of timeline: TimelineID, on connection: SQLConnection, deadline: Instant
    ) throws(SQLError) -> TimelineHistory {
        // Timeline 1 has no ancestors, and no file.
        if timeline == TimelineID(1) { return TimelineHistory(timeline: timeline) }
        let rows = try connection.query("TIMELINE_HISTORY \(timeline)", deadline: deadline)
        guard let content = rows.first?.last.flatMap({ $0 }),
            let history = TimelineHistory(timeline: timeline, content: unescaped(content))
        else { throw SQLError(.server, "the history of timeline \(timeline) could not be understood") }
        return history
    }

    /// Servers up to 14 said that the content is bytea; the text is the same either way unless it is in hexadecimal.
    private static func unescaped(_ content: String) -> String {
        guard content.hasPrefix("\\x") else { return content }
        var bytes: [UInt8] = []
        var digits = content.dropFirst(2)
        while digits.count >= 2, let byte = UInt8(digits.prefix(2), radix: 16) {
            bytes.append(byte)
            digits = digits.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
