import ClusterModel

/// What `pgmahout-wal` asks for: `push NAME PATH` or `fetch NAME PATH`, one line.
enum ArchiverRequest: Hashable, Sendable {
    case push(WALFileName, path: String)
    case fetch(WALFileName, path: String)

    /// Longer than any line of the client.
    static let longestLine = 8192

    init(line: some StringProtocol) throws(ArchiveError) {
        let fields = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3, fields[2].hasPrefix("/") else {
            throw ArchiveError(.refused, "the request is not of the form: push|fetch NAME /PATH")
        }
        guard let name = WALFileName(ofAnySize: fields[1]) else {
            throw ArchiveError(.refused, "'\(fields[1])' is no name of a WAL file")
        }
        switch fields[0] {
        case "push": self = .push(name, path: String(fields[2]))
        case "fetch": self = .fetch(name, path: String(fields[2]))
        default: throw ArchiveError(.refused, "'\(fields[0])' is no request")
        }
    }
}

/// What it is told.
enum ArchiverReply: Hashable, Sendable {
    case done
    /// The archive was asked, and does not have it.
    case absent
    /// Not yet, and the server is being stopped: its archiver process is to end instead of trying again.
    case leave
    case failed(ArchiveError)

    var line: String {
        switch self {
        case .done: "ok\n"
        case .absent: "absent\n"
        case .leave: "leave\n"
        case .failed(let error):
            "\(error.kind == .refused ? "error" : "unavailable") "
                + error.message.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(800) + "\n"
        }
    }
}
