import ClusterModel
import Compression
import ObjectStorage

/// What retention and the janitor have to know of names.
extension ArchiveLayout {
    /// Of what only we need; with its `/`.
    package var own: String { server + "/pgmahout/" }
    package var dumps: String { own + "dumps/" }

    package func keepAnnotation(_ id: String) -> ObjectKey { backup(id) / "annotations" / "keep" }

    /// Says that a backup is kept while its annotation is being changed.
    package func keepInterim(_ id: String) -> ObjectKey { backup(id) / "annotations" / "keep.changing" }

    /// Folders that have ids in them which are not those of backups, or that outlive the backup they tell of.
    private static let unrelated: Set<String> = [
        "dumps", "tail", "variants", "drills", "verifications", "backup-lock",
    ]

    /// The backup that an object beside the backups belongs to: a component of its key is the backup's id, alone or with
    /// a suffix behind a `.` or `-`.
    func backupID(ofSidecar key: ObjectKey) -> String? {
        guard key.text.hasPrefix(own) else { return nil }
        let parts = key.text.dropFirst(own.count).split(separator: "/")
        guard let folder = parts.first, !Self.unrelated.contains(String(folder)) else { return nil }
        for part in parts {
            let stem = part.prefix(15)
            guard BackupInfo.isID(stem) else { continue }
            let next = part.dropFirst(15).first
            if next == nil || next == "." || next == "-" { return String(stem) }
        }
        return nil
    }

    /// The WAL file in an object of the archive, whatever it is compressed with.
    static func walName(_ name: String, segmentSize: UInt64) -> WALFileName? {
        if let plain = WALFileName(name, segmentSize: segmentSize) { return plain }
        guard let dot = name.lastIndex(of: "."), walSuffixes.contains(String(name[dot...])) else { return nil }
        return WALFileName(name[..<dot], segmentSize: segmentSize)
    }

    /// Those that Barman's readers know.
    private static let walSuffixes: Set<String> = [".gz", ".bz2", ".xz", ".snappy", ".zst", ".lz4"]

    /// A small object as it was before it was compressed; nil for what we cannot read.
    static func inflate(_ stored: [UInt8], name: String) -> [UInt8]? {
        guard name.hasSuffix(".gz") else {
            return walSuffixes.contains(where: name.hasSuffix) ? nil : stored
        }
        var content: [UInt8] = []
        do {
            let decoder = try GzipCodec().makeDecoder()
            try decoder.write(stored.span.bytes) { piece in piece.withUnsafeBytes { content += $0 } }
            try decoder.finish()
            return content
        } catch { return nil }
    }
}

extension Timestamp {
    /// The moment that a backup's id names. Others than us write ids in their local time.
    package init?(backupID id: some StringProtocol) {
        guard BackupInfo.isID(id) else { return nil }
        let text = Array(String(id))
        func part(_ range: Range<Int>) -> String { String(text[range]) }
        self.init("\(part(0..<4))-\(part(4..<6))-\(part(6..<8))T\(part(9..<11)):\(part(11..<13)):\(part(13..<15))Z")
    }

    package static func + (moment: Timestamp, span: Duration) -> Timestamp {
        Timestamp(microseconds: moment.microseconds + span.nanoseconds / 1000)
    }

    package static func - (moment: Timestamp, span: Duration) -> Timestamp {
        Timestamp(microseconds: moment.microseconds - span.nanoseconds / 1000)
    }

    /// From `earlier` to this moment.
    package func since(_ earlier: Timestamp) -> Duration { .microseconds(microseconds - earlier.microseconds) }
}

extension String {
    var trimmingWhitespace: String {
        var rest = self[...]
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}
