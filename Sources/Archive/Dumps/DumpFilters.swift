/// Decides line by line what of a dump is played.
protocol LineFilter: AnyObject {
    /// False once all that follows is played as it is.
    var isActive: Bool { get }
    func passes(_ line: String) -> Bool
}

/// Cuts a stream into lines for as long as a filter wants them.
final class LineFeed {
    private let filter: (any LineFilter)?
    private let sink: ([UInt8]) throws -> Void
    private var rest: [UInt8] = []

    init(filter: (any LineFilter)?, _ sink: @escaping ([UInt8]) throws -> Void) {
        self.filter = filter
        self.sink = sink
    }

    func take(_ bytes: RawSpan) throws {
        var piece: [UInt8] = []
        bytes.withUnsafeBytes { piece += $0 }
        guard let filter, filter.isActive else {
            if !rest.isEmpty {
                piece = rest + piece
                rest = []
            }
            return try sink(piece)
        }
        rest += piece
        while filter.isActive, let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(rest[...end])
            rest.removeFirst(line.count)
            if filter.passes(String(decoding: line.dropLast(), as: UTF8.self)) { try sink(line) }
        }
    }

    func finish() throws {
        if !rest.isEmpty { try sink(rest) }
        rest = []
    }
}

/// Leaves out what makes the database and names it: for playing a dump into one of another name. What comes before the
/// first `\connect` makes it; its own settings stand right behind, with another `\connect` after them.
final class BodyFilter: LineFilter {
    private var isSkipping = true
    /// Newer programs bracket what they write with psql's `\restrict` and `\unrestrict`, which must stay pairs.
    private var isRestricted = false
    private(set) var isActive = true

    func passes(_ line: String) -> Bool {
        if line.hasPrefix("\\unrestrict ") {
            defer { isRestricted = false }
            return isRestricted
        }
        if line.hasPrefix("\\restrict ") {
            isRestricted = !isSkipping
            return isRestricted
        }
        if isSkipping {
            if line.hasPrefix("\\connect ") { isSkipping = false }
            return false
        }
        if line.hasPrefix("-- Name: "), line.contains("; Type: DATABASE PROPERTIES;") {
            isSkipping = true
            return false
        }
        let isPreamble =
            line.isEmpty || line.hasPrefix("--") || line.hasPrefix("SET ") || line.hasPrefix("SELECT pg_catalog.")
            || line.hasPrefix("\\")
        // The first statement of the content: from here on lines may be anybody's data.
        if !isPreamble { isActive = false }
        return true
    }
}

/// Leaves out roles and tablespaces that are there already; with `force` their properties are set all the same.
final class RoleFilter: LineFilter {
    private let existing: [String]
    private let force: Bool
    let isActive = true

    init(existing: [String], _ force: Bool) {
        self.existing = existing
        self.force = force
    }

    func passes(_ line: String) -> Bool {
        for name in existing {
            if line == "CREATE ROLE \(name);" || line.hasPrefix("CREATE TABLESPACE \(name) ") { return false }
            if !force, line.hasPrefix("ALTER ROLE \(name) ") { return false }
        }
        return true
    }
}
