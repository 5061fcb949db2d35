import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// Where timelines were left for newer ones. WAL of the older one behind that point may be in the archive, because a
/// primary that had lost its place wrote it; whoever replays it is on a branch that nobody else is on. PostgreSQL takes
/// it when the newer timeline's segment of that number is not there yet.
final class TimelineForks: Sendable {
    private struct State {
        var histories: [TimelineID: TimelineHistory] = [:]
        /// When the archive was asked for history files.
        var listed: Instant?
    }

    private let store: any ObjectStore
    private let layout: ArchiveLayout
    private let walDirectory: String
    private let archived = Mutex(State())

    private static let listInterval = Duration.seconds(2)

    init(store: any ObjectStore, layout: ArchiveLayout, dataDirectory: String) {
        self.store = store
        self.layout = layout
        walDirectory = dataDirectory + "/pg_wal"
    }

    /// Where the timeline was left by the newest one that descends from it; nil: nowhere, as far as is known.
    /// - Parameter asksArchive: for a standby, which is to follow the newest timeline. A recovery may be meant for an
    ///   older one: for that only the histories count that its server has fetched for itself.
    func end(of timeline: TimelineID, asksArchive: Bool) throws -> LSN? {
        var known = local()
        if asksArchive { known.merge(try inArchive()) { mine, _ in mine } }
        return known.values.filter { $0.end(of: timeline) != nil }.max { $0.timeline < $1.timeline }?.end(of: timeline)
    }

    private func local() -> [TimelineID: TimelineHistory] {
        var found: [TimelineID: TimelineHistory] = [:]
        for name in (try? Files.list(walDirectory)) ?? [] {
            guard case .history(let timeline)? = WALFileName(ofAnySize: name),
                let content = try? Files.readText(walDirectory + "/" + name)
            else { continue }
            found[timeline] = TimelineHistory(timeline: timeline, content: content)
        }
        return found
    }

    private func inArchive() throws -> [TimelineID: TimelineHistory] {
        let (known, isFresh) = archived.withLock { state in
            (state.histories, state.listed.map { BootClock.now().since($0) < Self.listInterval } ?? false)
        }
        if isFresh { return known }
        let asked = BootClock.now()
        var histories = known
        for object in try store.listAll(layout.root + "wals/").objects {
            let bare = object.key.name.hasSuffix(".gz") ? String(object.key.name.dropLast(3)) : object.key.name
            guard case .history(let timeline)? = WALFileName(ofAnySize: bare), histories[timeline] == nil else {
                continue
            }
            guard let bytes = try store.readAll(object.key) else { continue }
            var content: [UInt8] = []
            let codec: any Codec = bare == object.key.name ? IdentityCodec() : GzipCodec()
            let decoder = try codec.makeDecoder()
            try decoder.write(bytes.span.bytes) { piece in piece.withUnsafeBytes { content += $0 } }
            histories[timeline] = TimelineHistory(timeline: timeline, content: String(decoding: content, as: UTF8.self))
        }
        archived.withLock { state in
            state.histories = histories
            state.listed = asked
        }
        return histories
    }
}
