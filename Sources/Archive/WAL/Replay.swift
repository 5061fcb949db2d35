import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// What restore_command is answered: from the spool, from the archive, or from its tail.
final class Replay: Sendable {
    /// What is worth counting, or a line in the log.
    enum Note: Sendable {
        case prefetched
        /// Of a branch that was left.
        case leftBehind(String)
        case fromTail(String)
    }

    private let fetching: WALFetch
    private let prefetch: WALPrefetch
    private let forks: TimelineForks
    private let tail: TailArchive?
    private let dataDirectory: String
    private let segmentSize = Mutex<UInt64?>(nil)

    /// - Parameter segmentSize: nil: what pg_control says.
    init(_ settings: ArchiveSettings, store: any ObjectStore, segmentSize: UInt64? = nil) throws {
        fetching = WALFetch(store: store, layout: settings.layout)
        prefetch = try WALPrefetch(
            fetching, dataDirectory: settings.dataDirectory, parallel: settings.parallel, isForeign: settings.isForeign)
        forks = TimelineForks(store: store, layout: settings.layout, dataDirectory: settings.dataDirectory)
        tail = settings.servesTail ? TailArchive(store: store, layout: settings.layout) : nil
        dataDirectory = settings.dataDirectory
        if let segmentSize { self.segmentSize.withLock { $0 = segmentSize } }
    }

    /// Runs on a fetcher's thread.
    func answer(_ request: WALFetch.Request, of system: SystemIdentifier?) -> (ArchiverReply, Note?) {
        do {
            guard let segment = replayed(request) else {
                return (try fetching.fetch(request, of: system) ? .done : .absent, nil)
            }
            let end = try forks.end(of: segment.timeline, asksArchive: isStandby)
            if let end, segment.start >= end {
                return (
                    .absent, .leftBehind("\(segment) is behind \(end), where timeline \(segment.timeline) was left")
                )
            }
            prefetch.follow(segment, of: system)
            if prefetch.deliver(request, segment) { return (.done, .prefetched) }
            if !prefetch.isKnownAbsent(segment), try fetching.fetch(request, of: system) { return (.done, nil) }
            guard let tail, let reached = try deliver(tail, segment, upTo: end, request, of: system) else {
                return (.absent, nil)
            }
            return (.done, .fromTail("\(segment) was put together from the tail: it ends at \(reached)"))
        } catch { return (.failed(ArchiveError(error)), nil) }
    }

    /// The segment, if PostgreSQL asks in order to replay it: it does so under a fixed name. pg_rewind and people ask for
    /// files by their own names and in another order.
    private func replayed(_ request: WALFetch.Request) -> WALSegment? {
        guard case .segment = request.name, request.path.hasSuffix("/RECOVERYXLOG"), let size = knownSegmentSize()
        else {
            return nil
        }
        return WALSegment(request.name.description, size: size)
    }

    private func knownSegmentSize() -> UInt64? {
        segmentSize.withLock { known in
            if known == nil { known = (try? ControlData.read(dataDirectory: dataDirectory))?.walSegmentSize }
            return known
        }
    }

    private var isStandby: Bool { Files.exists(dataDirectory + "/standby.signal") }

    private func deliver(
        _ tail: TailArchive, _ segment: WALSegment, upTo end: LSN?, _ request: WALFetch.Request,
        of system: SystemIdentifier?
    ) throws -> LSN? {
        let temporary = Files.temporaryPath(for: request.path)
        guard let reached = try tail.assemble(segment, upTo: end, into: temporary) else { return nil }
        do {
            try fetching.check(temporary, request.name, of: system)
            guard !request.isAbandoned else { throw ArchiveError(.unavailable, "nobody waits for it any more") }
            guard rename(temporary, request.path) == 0 else { throw SystemError("rename", path: request.path) }
            return reached
        } catch {
            unlink(temporary)
            throw error
        }
    }

    func removeLeftovers() { prefetch.removeLeftovers() }
    func rest(at now: Instant) { prefetch.rest(at: now) }
    func stop() { prefetch.stop() }
}
