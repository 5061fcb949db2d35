/// A time zone: by how much its clocks are ahead of UTC, and when that changes. From a file in TZif form (RFC 8536).
package struct ZoneRules: Hashable, Sendable {
    package let name: String
    /// Moments of changes, ascending, and the offset from then on.
    private let changes: [(at: Int64, offset: Int64)]
    private let first: Int64
    /// What holds behind the last change.
    private let rule: ZoneRule?

    package static let utc = ZoneRules(name: "UTC", changes: [], first: 0, rule: nil)

    init(name: String, changes: [(at: Int64, offset: Int64)], first: Int64, rule: ZoneRule?) {
        self.name = name
        self.changes = changes
        self.first = first
        self.rule = rule
    }

    package static func == (left: ZoneRules, right: ZoneRules) -> Bool {
        left.name == right.name && left.first == right.first && left.rule == right.rule
            && left.changes.elementsEqual(right.changes) { $0 == $1 }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// Seconds ahead of UTC at a moment.
    package func offset(at moment: Int64) -> Int64 {
        guard let last = changes.last else { return rule?.offset(at: moment) ?? first }
        if moment >= last.at { return rule?.offset(at: moment) ?? last.offset }
        var (low, high) = (0, changes.count)
        while low < high {
            let middle = (low + high) / 2
            if changes[middle].at <= moment { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : changes[low - 1].offset
    }

    /// When the offset changes next behind `moment`; nil: never.
    package func nextChange(after moment: Int64) -> Int64? {
        var at = moment
        // Files also have changes of the name alone.
        for _ in 0..<1000 {
            let known = changes.first { $0.at > at }?.at
            guard let next = known ?? rule?.nextChange(after: at) else { return nil }
            if offset(at: next) != offset(at: next - 1) { return next }
            at = next
        }
        return nil
    }

    /// The moment at which clocks show `local` (seconds since 1970 as if it were UTC): the first one if they do so
    /// twice, and the end of the gap if they skip it.
    package func moment(ofLocal local: Int64) -> Int64 {
        var from = local - 2 * 86_400
        var offsets: [Int64] = [offset(at: from)]
        var gap: Int64?
        while let change = nextChange(after: from), change < local + 2 * 86_400 {
            let (before, after) = (offset(at: change - 1), offset(at: change))
            if change + before <= local, local < change + after { gap = change }
            offsets.append(after)
            from = change
        }
        let moments = offsets.map { local - $0 }.filter { offset(at: $0) == local - $0 }
        return moments.min() ?? gap ?? local - offset(at: local)
    }
}

extension ZoneRules {
    /// nil: the bytes are no TZif file.
    package init?(name: String, tzif bytes: [UInt8]) {
        var reader = TZifReader(bytes)
        guard let header = reader.header() else { return nil }
        if header.version >= 2 {
            guard reader.skip(header.size(ofTime: 4)), let second = reader.header() else { return nil }
            self.init(name: name, &reader, second, timeSize: 8)
        } else {
            self.init(name: name, &reader, header, timeSize: 4)
        }
    }

    private init?(name: String, _ reader: inout TZifReader, _ header: TZifReader.Header, timeSize: Int) {
        guard let times = reader.integers(header.times, size: timeSize),
            let indexes = reader.integers(header.times, size: 1),
            let types = reader.types(header.types),
            reader.skip(header.size(ofTime: timeSize) - header.times * (timeSize + 1) - header.types * 6)
        else { return nil }
        var changes: [(at: Int64, offset: Int64)] = []
        for (time, index) in zip(times, indexes) {
            let index = Int(UInt8(truncatingIfNeeded: index))
            guard index < types.count, changes.last.map({ $0.at < time }) ?? true else { return nil }
            changes.append((time, types[index].offset))
        }
        guard let start = types.first(where: { !$0.isDaylight }) ?? types.first else { return nil }
        let footer = timeSize == 8 ? reader.line() : nil
        var rule: ZoneRule?
        if let footer, !footer.isEmpty {
            guard let parsed = ZoneRule(posix: footer) else { return nil }
            rule = parsed
        }
        self.init(name: name, changes: changes, first: start.offset, rule: rule)
    }
}

private struct TZifReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    struct Header {
        let version: Int
        let utc: Int, standard: Int, leaps: Int, times: Int, types: Int, letters: Int

        /// Bytes of the block behind it.
        func size(ofTime time: Int) -> Int {
            times * (time + 1) + types * 6 + letters + leaps * (time + 4) + standard + utc
        }
    }

    mutating func header() -> Header? {
        guard rest.count >= 44, rest.starts(with: "TZif".utf8) else { return nil }
        let mark = rest[rest.startIndex + 4]
        rest = rest.dropFirst(20)
        guard let counts = integers(6, size: 4), counts.allSatisfy({ (0...100_000).contains($0) }) else { return nil }
        let version = mark == 0 ? 1 : Int(mark) - 48
        return Header(
            version: version, utc: Int(counts[0]), standard: Int(counts[1]), leaps: Int(counts[2]),
            times: Int(counts[3]), types: Int(counts[4]), letters: Int(counts[5]))
    }

    mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, rest.count >= count else { return false }
        rest = rest.dropFirst(count)
        return true
    }

    /// Signed, big-endian.
    mutating func integers(_ count: Int, size: Int) -> [Int64]? {
        guard rest.count >= count * size else { return nil }
        let bytes = rest.prefix(count * size)
        rest = rest.dropFirst(count * size)
        return (0..<count).map { index in
            let start = bytes.startIndex + index * size
            var value = bytes[start] & 0x80 != 0 ? Int64(-1) : 0
            for byte in bytes[start..<start + size] { value = value << 8 | Int64(byte) }
            return value
        }
    }

    mutating func types(_ count: Int) -> [(offset: Int64, isDaylight: Bool)]? {
        guard rest.count >= count * 6 else { return nil }
        return (0..<count).compactMap { _ in
            guard let offset = integers(1, size: 4)?.first, let flags = integers(2, size: 1) else { return nil }
            return (offset, flags[0] != 0)
        }
    }

    /// Between two line breaks.
    mutating func line() -> String? {
        guard rest.first == UInt8(ascii: "\n") else { return nil }
        return String(decoding: rest.dropFirst().prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
