import ClusterModel
import Compression
import ObjectStorage

/// The timelines of an archive, as its history files tell them.
package struct ArchiveTimelines: Hashable, Sendable {
    /// Timeline 1 has no file and is always known.
    package let histories: [TimelineID: TimelineHistory]
    /// Files that cannot be understood, and why.
    package let damaged: [TimelineID: String]
    /// Timelines that WAL segments were found of.
    package let withWAL: Set<TimelineID>
    /// `wals/<first 16 digits>/`: where segments are, by timeline and number of the 4 GiB that they belong to.
    let folders: [TimelineID: [UInt32]]

    package init(
        histories: [TimelineID: TimelineHistory], damaged: [TimelineID: String] = [:], folders: Set<String> = []
    ) {
        self.histories = histories
        self.damaged = damaged
        var logs: [TimelineID: [UInt32]] = [:]
        for name in folders.sorted() where name.utf8.count == 16 {
            guard let timeline = UInt32(name.prefix(8), radix: 16), let log = UInt32(name.dropFirst(8), radix: 16)
            else { continue }
            logs[TimelineID(timeline), default: []].append(log)
        }
        self.folders = logs
        withWAL = Set(logs.keys)
    }

    /// One listing, and one small object for each timeline.
    package static func read(_ store: any ObjectStore, _ layout: ArchiveLayout) throws -> ArchiveTimelines {
        let listing = try store.listAll(layout.wals)
        var histories: [TimelineID: TimelineHistory] = [:]
        var damaged: [TimelineID: String] = [:]
        for object in listing.objects {
            guard case .history(let timeline)? = WALFileName(ofAnySize: ArchivedFile.name(of: object.key.name)) else {
                continue
            }
            do {
                guard let content = try ArchivedFile.read(.history(timeline), store, layout) else { continue }
                guard
                    let history = TimelineHistory(timeline: timeline, content: String(decoding: content, as: UTF8.self))
                else {
                    damaged[timeline] = "'\(object.key)' is no history file"
                    continue
                }
                histories[timeline] = history
            } catch let error as ArchiveError where error.kind == .refused {
                damaged[timeline] = error.message
            }
        }
        let folders = listing.folders.map { String($0.dropFirst(layout.wals.count).dropLast()) }
        return ArchiveTimelines(histories: histories, damaged: damaged, folders: Set(folders))
    }

    /// nil: the archive does not know where the timeline comes from.
    package func history(_ timeline: TimelineID) -> TimelineHistory? {
        timeline == TimelineID(1) ? TimelineHistory(timeline: timeline) : histories[timeline]
    }

    /// Timelines that somebody wrote on: a number that was promised and never used has a file without ancestors.
    package var real: [TimelineID] {
        let used = histories.values.filter { !$0.ancestors.isEmpty }.map(\.timeline)
        return Set(used).union(withWAL).sorted()
    }
}

/// Small files of the archive's WAL folder: history files and backup histories.
package enum ArchivedFile {
    private static let codecs: [any Codec] = [GzipCodec(), IdentityCodec()]

    /// The whole of a small file; nil for a confirmed absence.
    package static func read(
        _ name: WALFileName, _ store: any ObjectStore, _ layout: ArchiveLayout, limit: Int = 1 << 20
    ) throws -> [UInt8]? {
        for codec in codecs {
            let key = layout.wal(name, suffix: codec.suffix)
            guard let stored = try store.readAll(key, limit: limit) else { continue }
            let decoder = try codec.makeDecoder()
            var content: [UInt8] = []
            do {
                try decoder.write(stored.span.bytes) { piece in
                    piece.withUnsafeBytes { content += $0 }
                    guard content.count <= limit else { throw CompressionError.corrupt("it is too large") }
                }
                try decoder.finish()
            } catch let error as CompressionError {
                throw ArchiveError(.refused, "'\(key)' in the archive is damaged: \(error)")
            }
            return content
        }
        return nil
    }

    /// What an object is the archived form of: its name without the suffix of a codec that any version of Barman knows.
    package static func name(of object: String) -> String {
        for suffix in [".gz", ".bz2", ".xz", ".snappy", ".zst", ".lz4"] where object.hasSuffix(suffix) {
            return String(object.dropLast(suffix.count))
        }
        return object
    }
}
