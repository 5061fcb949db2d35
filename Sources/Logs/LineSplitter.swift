/// Cuts a stream of bytes into lines, with bounded memory.
struct LineSplitter {
    private var partial: [UInt8] = []
    private var discarding = false

    /// Calls `onLine` for each line that is complete, without its line break. Of a line above `maximumBytes` the
    /// beginning is handed out, and the rest dropped.
    mutating func append(_ bytes: [UInt8], _ onLine: (ArraySlice<UInt8>) -> Void) {
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            if discarding {
                discarding = false
            } else if partial.isEmpty {
                onLine(rest[..<end].prefix(Self.maximumBytes))
            } else {
                partial += rest[..<end]
                onLine(partial[...].prefix(Self.maximumBytes))
            }
            partial = []
            rest = rest[(end + 1)...]
        }
        guard !discarding else { return }
        partial += rest
        if partial.count > Self.maximumBytes {
            onLine(partial[...].prefix(Self.maximumBytes))
            partial = []
            discarding = true
        }
    }

    /// The last line, if it has no line break.
    mutating func finish(_ onLine: (ArraySlice<UInt8>) -> Void) {
        if !partial.isEmpty { onLine(partial[...]) }
        partial = []
        discarding = false
    }

    /// More than a record may have after it was divided into lines: see `JSONLines`.
    static let maximumBytes = 256 << 10
}
