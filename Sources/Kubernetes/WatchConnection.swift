/// What one connection of a watch has brought so far, as a value.
struct WatchConnection: Sendable {
    /// Where to go on after it; nil: from the current state.
    private(set) var version: String?
    /// The HTTP status; 0 until the answer begins.
    var status = 0
    /// What happened since the version is no longer known to the server.
    private(set) var expired = false
    private var isSilent = true
    var failure: KubernetesError?
    private var lines = WatchLines()
    private var errorBody: [UInt8] = []

    init(version: String?) { self.version = version }

    var isUseless: Bool { expired || failure != nil }

    /// The events that are complete with these bytes.
    mutating func take(_ bytes: [UInt8]) -> [WatchEvent] {
        guard status == 200 else {
            if errorBody.count < 64 << 10 { errorBody += bytes }
            return []
        }
        guard !isUseless else { return [] }
        guard let lines = lines.append(bytes) else {
            failure = .nonsense("a line of the watch is too long")
            return []
        }
        var events: [WatchEvent] = []
        for line in lines {
            guard let event = WatchEvent(line: line) else {
                let begin = String(decoding: line.prefix(100), as: UTF8.self).singleLine
                failure = .nonsense("the watch brought what is no event of Kubernetes: \(begin)")
                break
            }
            note(event)
            events.append(event)
            if isUseless { break }
        }
        return events
    }

    private mutating func note(_ event: WatchEvent) {
        switch event {
        case .changed(_, let version), .deleted(let version), .bookmark(let version):
            if !version.isEmpty { self.version = version }
            isSilent = false
        case .failed(410, _):
            expired = true
            version = nil
        case .failed(let code, let message):
            failure = .noAnswer("the watch ended with \(code): \(message.singleLine)")
            // What it was to go on from may be the very reason.
            version = nil
        }
    }

    /// The end of the connection.
    mutating func close(
        _ outcome: Result<Void, KubernetesError>, refusal: (_ code: Int, _ body: [UInt8]) -> KubernetesError
    ) {
        if isUseless { return }
        if status != 200, status != 0 {
            failure = refusal(status, errorBody)
            expired = status == 410
            version = nil
        } else if case .failure(let error) = outcome {
            failure = error
        } else if isSilent {
            // Not even a bookmark: the server may have gone back to older data, and not have come up to the version.
            version = nil
        }
    }
}
