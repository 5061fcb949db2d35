import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import Postgres
import Synchronization

/// How the WAL behind the last whole segment is shipped.
package struct TailSettings: Hashable, Sendable {
    /// Between two looks at how far the server has flushed.
    package var interval: Duration
    /// To this member's server.
    package var connection: ConnectionInfo

    package init(interval: Duration, connection: ConnectionInfo) {
        self.interval = interval
        self.connection = connection
    }
}

/// Ships the WAL of a primary as it is flushed, piece by piece, on a thread of its own, for as long as the lease lasts.
final class TailShipper: Sendable {
    private struct Position {
        var run: UInt64
        var timeline: TimelineID
        /// Everything of the current segment before it is in the archive.
        var shipped: LSN
        var flushed: LSN
    }

    private let settings: TailSettings
    private let dataDirectory: String
    private let store: any ObjectStore
    private let layout: ArchiveLayout
    private let codec: any Codec
    private let gate: LeaseGate
    private let thread: WorkerThread
    private let end: Mailbox<Void>
    private let published = Mutex<(status: TailStatus, segmentSize: UInt64)>((TailStatus(), 0))

    /// Bytes of a piece before compression.
    static let mostBytes = 4 << 20
    private static let callTime = Duration.seconds(2)
    private static let cleanInterval = Duration.seconds(5)

    init(
        _ settings: TailSettings, dataDirectory: String, store: any ObjectStore, layout: ArchiveLayout,
        codec: any Codec, gate: LeaseGate
    ) throws {
        self.settings = settings
        self.dataDirectory = dataDirectory
        self.store = store
        self.layout = layout
        self.codec = codec
        self.gate = gate
        end = try Mailbox(capacity: 1)
        thread = try WorkerThread(name: "tail", capacity: 1)
    }

    func start() { thread.submit { [self] in run() } }

    func stop() {
        end.post(())
        thread.stop()
    }

    /// - Parameter waiting: whole segments that are not in the archive yet; the tail alone is of no use before they are.
    func status(waiting: Int) -> TailStatus {
        let (status, size) = published.withLock { $0 }
        var result = status
        if waiting > 0 {
            result.shipped = nil
            result.lagBytes += UInt64(waiting) * size
        }
        return result
    }

    // MARK: On the thread

    private func run() {
        var session = Session()
        defer { session.connection?.close() }
        while true {
            let next = BootClock.now() + settings.interval
            if gate.isOpen {
                do {
                    try tick(&session)
                } catch {
                    session.disconnect()
                    note(failure: error, session)
                }
            } else {
                session = Session()
            }
            guard Poll.wait([end.wakeDescriptor], until: next).isEmpty else { return }
        }
    }

    private struct Session {
        var connection: SQLConnection?
        var position: Position?
        /// Since when something is flushed and not shipped.
        var behind: Instant?
        var nextCleaning = Instant(nanoseconds: 0)
        var segmentSize: UInt64?

        mutating func disconnect() {
            connection?.close()
            connection = nil
        }
    }

    private static let question = """
        SELECT p, substr(pg_walfile_name(p), 1, 8), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint
        FROM (SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_current_wal_flush_lsn() END) AS flushed (p)
        """

    private func tick(_ session: inout Session) throws {
        let deadline = BootClock.now() + Self.callTime
        let connection = try session.connection ?? SQLConnection.open(settings.connection, deadline: deadline)
        session.connection = connection
        guard let row = try connection.query(prepared: Self.question, deadline: deadline).first, row.count == 3,
            let flushed = row[0].flatMap({ LSN($0) }), let timeline = row[1].flatMap({ UInt32($0, radix: 16) }),
            let run = row[2].flatMap({ UInt64($0) })
        else { return }  // In recovery.
        let size = try session.segmentSize ?? ControlData.read(dataDirectory: dataDirectory).walSegmentSize
        session.segmentSize = size
        let segment = WALSegment(timeline: TimelineID(timeline), containing: flushed, size: size)
        var position =
            session.position ?? Position(run: run, timeline: segment.timeline, shipped: segment.start, flushed: flushed)
        if position.run != run || position.timeline != segment.timeline {
            position = Position(run: run, timeline: segment.timeline, shipped: segment.start, flushed: flushed)
        }
        // What lies before is in whole segments, which the archive gets anyway.
        position.shipped = max(position.shipped, segment.start)
        position.flushed = flushed
        session.position = position
        session.behind = position.shipped < flushed ? session.behind ?? BootClock.now() : nil
        while position.shipped < flushed {
            try ship(&position, of: segment)
            session.position = position
        }
        session.behind = nil
        published.withLock { published in
            published.segmentSize = size
            published.status.shipped = position.shipped
            published.status.lagBytes = 0
            published.status.lagSeconds = 0
            published.status.lastError = nil
        }
        if BootClock.now() >= session.nextCleaning {
            session.nextCleaning = BootClock.now() + Self.cleanInterval
            try clean(segment)
        }
    }

    private func ship(_ position: inout Position, of segment: WALSegment) throws {
        let count = min(position.flushed.bytes(since: position.shipped), UInt64(Self.mostBytes))
        let end = LSN(rawValue: position.shipped.rawValue + count)
        let content = try read(segment, from: position.shipped, count: Int(count))
        let piece = TailPiece(timeline: segment.timeline, run: position.run, start: position.shipped, end: end)
        let upload = try store.upload(piece.key(in: layout))
        do {
            let encoder = try codec.makeEncoder()
            try encoder.write(content.span.bytes) { try upload.write($0) }
            try encoder.finish { try upload.write($0) }
            // One that is there already is the same: only this run of the server has that name.
            _ = try upload.commit(if: gate.check)
        } catch {
            upload.abort()
            throw error
        }
        position.shipped = end
        published.withLock { published in
            published.status.pieces += 1
            published.status.bytes += count
        }
    }

    /// What is flushed is in the file, and does not change any more as long as this server runs.
    private func read(_ segment: WALSegment, from start: LSN, count: Int) throws -> [UInt8] {
        let path = "\(dataDirectory)/pg_wal/\(segment)"
        let file = try FileDescriptor(opening: path, O_RDONLY)
        guard lseek(file.rawValue, off_t(start.bytes(since: segment.start)), SEEK_SET) >= 0 else {
            throw SystemError("seek in", path: path)
        }
        var content: [UInt8] = []
        content.reserveCapacity(count)
        while content.count < count {
            let piece = try file.read(upTo: count - content.count)
            guard !piece.isEmpty else { throw ArchiveError(.unavailable, "'\(path)' is shorter than what was flushed") }
            content += piece
        }
        return content
    }

    /// Removes what whole segments hold by now.
    private func clean(_ current: WALSegment) throws {
        var archived: [WALSegment: Bool] = [:]
        var outdated: [ObjectKey] = []
        for piece in try TailArchive(store: store, layout: layout).pieces(of: current.timeline) {
            let segment = WALSegment(timeline: piece.timeline, containing: piece.start, size: current.size)
            guard segment < current else { continue }
            if archived[segment] == nil {
                archived[segment] = try store.head(layout.wal(.segment(segment), suffix: codec.suffix)) != nil
            }
            if archived[segment] == true { outdated.append(piece.key(in: layout)) }
        }
        if !outdated.isEmpty { try store.delete(outdated) }
    }

    private func note(failure: any Error, _ session: Session) {
        let lag = session.position.map { $0.flushed.bytes(since: $0.shipped) } ?? 0
        let seconds = session.behind.map { BootClock.now().since($0).inSeconds } ?? 0
        published.withLock { published in
            published.status.failures += 1
            published.status.lastError = "\(failure)"
            published.status.lagBytes = lag
            published.status.lagSeconds = seconds
        }
    }
}
