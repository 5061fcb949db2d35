/// Cuts a stream of bytes into lines.
struct WatchLines {
    private var rest: [UInt8] = []

    /// Far above any object that the API server keeps (1.5 MB).
    static let longest = 4 << 20

    /// The lines that are complete by now; nil when one is longer than any should be.
    mutating func append(_ bytes: [UInt8]) -> [[UInt8]]? {
        var lines: [[UInt8]] = []
        var remaining = bytes[...]
        while let end = remaining.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest + remaining[..<end]
            rest = []
            if !line.isEmpty { lines.append(line) }
            remaining = remaining[(end + 1)...]
        }
        rest += remaining
        return rest.count <= Self.longest ? lines : nil
    }
}

/// One line of a watch.
enum WatchEvent: Hashable, Sendable {
    /// Added or modified.
    case changed(JSONValue, version: String)
    case deleted(version: String)
    /// Nothing happened up to this version.
    case bookmark(version: String)
    /// The watch is over. Most often 410: what happened since its version is no longer known. It stands in a line of
    /// an answer that began with 200.
    case failed(code: Int, message: String)

    /// nil when it is no event.
    init?(line: [UInt8]) {
        guard let value = JSONValue(bytes: line), let kind = value["type"]?.string, let object = value["object"] else {
            return nil
        }
        let version = object.text("metadata", "resourceVersion") ?? ""
        switch kind {
        case "ADDED", "MODIFIED": self = .changed(object, version: version)
        case "DELETED": self = .deleted(version: version)
        case "BOOKMARK": self = .bookmark(version: version)
        case "ERROR":
            self = .failed(code: Int(object["code"]?.integer ?? 0), message: object.text("message") ?? "")
        default: return nil
        }
    }
}
