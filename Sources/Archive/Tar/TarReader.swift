/// Gets what a tar archive holds, in its order.
protocol TarConsumer: AnyObject {
    /// An entry begins; `header.size` bytes of content follow in pieces.
    func begin(_ header: TarHeader) throws
    func content(_ bytes: RawSpan) throws
    func end() throws
}

/// Takes a tar archive apart while it streams by.
struct TarReader {
    private let consumer: any TarConsumer
    private var state = State.header
    /// The block or the extended header that is being collected.
    private var collected: [UInt8] = []
    /// What extended headers said about the entry to come.
    private var pax: [UInt8] = []
    private var longName: String?

    private enum State {
        case header
        /// Of an extended header: its type, and how many bytes of it are still to come.
        case extended(TarHeader.Extension?, UInt64, padding: Int)
        case content(UInt64, padding: Int)
        case padding(Int)
        /// Zeros, and whatever else may stand behind the end.
        case ended
    }

    /// Extended headers hold names; nothing honest is larger.
    private static let largestExtension: UInt64 = 1 << 20

    init(consumer: any TarConsumer) { self.consumer = consumer }

    mutating func write(_ bytes: RawSpan) throws {
        var position = 0
        while position < bytes.byteCount {
            let rest = bytes.extracting(position..<bytes.byteCount)
            switch state {
            case .header: position += try takeHeader(rest)
            case .extended(let type, let left, let padding):
                let count = Int(min(left, UInt64(rest.byteCount)))
                rest.extracting(first: count).withUnsafeBytes { collected += $0 }
                position += count
                if left == UInt64(count) {
                    takeExtension(type)
                    state = padding > 0 ? .padding(padding) : .header
                } else {
                    state = .extended(type, left - UInt64(count), padding: padding)
                }
            case .content(let left, let padding):
                let count = Int(min(left, UInt64(rest.byteCount)))
                try consumer.content(rest.extracting(first: count))
                position += count
                if left == UInt64(count) {
                    try consumer.end()
                    state = padding > 0 ? .padding(padding) : .header
                } else {
                    state = .content(left - UInt64(count), padding: padding)
                }
            case .padding(let left):
                let count = min(left, rest.byteCount)
                position += count
                state = count == left ? .header : .padding(left - count)
            case .ended: return
            }
        }
    }

    /// Says that nothing follows; throws when the archive is not complete.
    func finish() throws(TarError) {
        guard case .ended = state else { throw TarError("the tar archive ends before its end") }
    }

    /// - Returns: how many bytes it took.
    private mutating func takeHeader(_ rest: RawSpan) throws -> Int {
        let count = min(TarHeader.blockSize - collected.count, rest.byteCount)
        rest.extracting(first: count).withUnsafeBytes { collected += $0 }
        guard collected.count == TarHeader.blockSize else { return count }
        let block = collected
        collected = []
        // Two such blocks end an archive; one is enough to know.
        if block.allSatisfy({ $0 == 0 }) {
            state = .ended
            return count
        }
        var (header, type) = try TarHeader.parse(block)
        let padding = TarHeader.padding(after: header.size)
        if case .other = header.kind, let special = TarHeader.Extension(rawValue: type) {
            guard header.size <= Self.largestExtension else { throw TarError("an extended header is too large") }
            state = .extended(special, header.size, padding: padding)
            return count
        }
        if let longName { header.name = longName }
        try header.apply(pax: pax)
        (longName, pax) = (nil, [])
        if header.kind == .directory { header.size = 0 }
        try consumer.begin(header)
        if header.size == 0 {
            try consumer.end()
            state = .header
        } else {
            state = .content(header.size, padding: TarHeader.padding(after: header.size))
        }
        return count
    }

    private mutating func takeExtension(_ type: TarHeader.Extension?) {
        switch type {
        case .pax?: pax = collected
        case .gnuLongName?: longName = String(decoding: collected.prefix { $0 != 0 }, as: UTF8.self)
        case .paxGlobal?, .gnuLongLink?, nil: break
        }
        collected = []
    }
}
