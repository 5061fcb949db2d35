import ClusterModel

/// Why a `backup.info` cannot be used.
package struct BackupInfoError: Error, Hashable, Sendable, CustomStringConvertible {
    package let key: String
    package let value: String

    package var description: String { "backup.info: '\(value)' is no valid \(key)" }
}

extension BackupInfo {
    /// The size, in a comment: Barman 3.4 cannot show a backup whose `size` is set, and its cloud tools never set it.
    private static let sizeComment = "# bytes of files: "
    /// One for each page: an own key would make Barman refuse the whole archive.
    private static let corruptComment = "# wrong checksum: "

    /// The file: one `key=value` a line, sorted.
    package var text: String {
        var lines = others
        func put(_ key: String, _ value: (some CustomStringConvertible)?) {
            lines[key] = value.map(\.description) ?? "None"
        }
        put("backup_label", label.map { PythonLiteral.string($0).text })
        if let name { put("backup_name", name) }
        put("begin_offset", beginLSN.map { $0.rawValue % segmentSize })
        put("begin_time", beginTime)
        put("begin_wal", beginWAL)
        put("begin_xlog", beginLSN)
        put("config_file", configFile)
        put("end_offset", endLSN.map { $0.rawValue % segmentSize })
        put("end_time", endTime)
        put("end_wal", endWAL)
        put("end_xlog", endLSN)
        put("error", error.map(Self.oneLine))
        put("hba_file", hbaFile)
        put("ident_file", identFile)
        put("pgdata", dataDirectory)
        // Barman's cloud tools and those who read their output take this name literally.
        put("server_name", "cloud")
        put("size", String?.none)
        put("status", status.rawValue)
        put("systemid", systemIdentifier)
        put("tablespaces", tablespaces.isEmpty ? nil : PythonLiteral.list(tablespaces.map(\.literal)).text)
        put("timeline", timeline)
        put("version", serverVersion)
        put("xlog_segment_size", segmentSize)
        for key in ["compression", "copy_stats", "deduplicated_size", "included_files", "mode"] where lines[key] == nil
        {
            lines[key] = "None"
        }
        let comment = size.map { "\(Self.sizeComment)\($0)\n" } ?? ""
        let corrupt = corruptPages.map { "\(Self.corruptComment)\(Self.oneLine($0))\n" }.joined()
        return comment + corrupt + lines.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\n" }.joined()
    }

    /// Reads Barman's files of any version; keys that are not known are kept as they are.
    package init(id: String, text: String) throws(BackupInfoError) {
        var values: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let equals = line.firstIndex(of: "="), line.first != "#" else { continue }
            values[Self.trim(line[..<equals])] = Self.trim(line[line.index(after: equals)...])
        }
        var taken = TakenValues(values: values)
        guard let status = try taken.take("status", { Status(rawValue: $0) }) else {
            throw BackupInfoError(key: "status", value: "")
        }
        self.init(id: id, status: status)
        name = try taken.take("backup_name") { $0 }
        label = try taken.take("backup_label") { text in
            if case .string(let content)? = PythonLiteral(text) { content } else { nil }
        }
        // Barman writes offsets since 2.0; what came before meant the machine's own zone, and UTC is the best guess.
        beginTime = try taken.take("begin_time") { Timestamp($0, missingOffset: 0) }
        endTime = try taken.take("end_time") { Timestamp($0, missingOffset: 0) }
        beginLSN = try taken.take("begin_xlog") { LSN($0) }
        endLSN = try taken.take("end_xlog") { LSN($0) }
        timeline = try taken.take("timeline") { UInt32($0).map { TimelineID($0) } }
        systemIdentifier = try taken.take("systemid") { SystemIdentifier($0) }
        serverVersion = try taken.take("version") { Int($0) }
        segmentSize = try taken.take("xlog_segment_size", Self.segmentSize) ?? WALSegment.defaultSize
        dataDirectory = try taken.take("pgdata") { $0 }
        configFile = try taken.take("config_file") { $0 }
        hbaFile = try taken.take("hba_file") { $0 }
        identFile = try taken.take("ident_file") { $0 }
        tablespaces = try taken.take("tablespaces", Self.tablespaces) ?? []
        let comment = text.split(separator: "\n").first { $0.hasPrefix(Self.sizeComment) }
        size = try taken.take("size") { UInt64($0) } ?? comment.flatMap { UInt64($0.dropFirst(Self.sizeComment.count)) }
        error = try taken.take("error") { $0 }
        corruptPages = text.split(separator: "\n").filter { $0.hasPrefix(Self.corruptComment) }
            .map { String($0.dropFirst(Self.corruptComment.count)) }
        // Derived from the positions, and from nothing else.
        for key in ["begin_offset", "begin_wal", "end_offset", "end_wal", "server_name"] { taken.drop(key) }
        others = taken.values.filter { $0.value != "None" }
    }

    private static func segmentSize(_ text: String) -> UInt64? {
        guard let size = UInt64(text), size.nonzeroBitCount == 1, (1 << 20...1 << 30).contains(size) else { return nil }
        return size
    }

    private static func tablespaces(_ text: String) -> [Tablespace]? {
        guard case .list(let items)? = PythonLiteral(text) else { return nil }
        let found = items.compactMap(Tablespace.init(literal:))
        return found.count == items.count ? found : nil
    }

    private static func trim(_ text: Substring) -> String {
        var rest = text
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}

/// Key by key, what has not been read yet.
private struct TakenValues {
    private(set) var values: [String: String]

    init(values: [String: String]) { self.values = values }

    /// nil when the key is missing or `None`.
    mutating func take<Value>(_ key: String, _ parse: (String) -> Value?) throws(BackupInfoError) -> Value? {
        guard let text = values.removeValue(forKey: key), text != "None" else { return nil }
        guard let value = parse(text) else { throw BackupInfoError(key: key, value: text) }
        return value
    }

    mutating func drop(_ key: String) { values[key] = nil }
}

extension BackupInfo.Tablespace {
    fileprivate var literal: PythonLiteral { .tuple([.string(name), .int(Int64(oid)), .string(location)]) }

    fileprivate init?(literal: PythonLiteral) {
        guard case .tuple(let fields) = literal, fields.count == 3, case .string(let name) = fields[0],
            case .int(let number) = fields[1], let oid = UInt32(exactly: number), case .string(let location) = fields[2]
        else { return nil }
        self.init(name: name, oid: oid, location: location)
    }
}
