import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres

/// The archiver's threads: what they do blocks, on the disk or on the archive.
final class ArchiverJobs {
    enum Completion: Sendable {
        case pushed(slot: Int, WALFileName, Result<WALPush.Success, ArchiveError>)
        case fetched(slot: Int, connection: Int, ArchiverReply, Replay.Note?)
        /// nil: the data directory cannot tell yet whose it is.
        case claimed(Result<SystemIdentifier?, ArchiveError>)
        /// Whether the holder has archived the same.
        case compared(connection: Int, ArchiverReply)
        /// How far a foreign archive goes; nil: it holds no segment.
        case surveyed(Result<LSN?, ArchiveError>)
    }

    let completions: Mailbox<Completion>
    private let store: any ObjectStore
    private let layout: ArchiveLayout
    private let pushing: WALPush
    private let replay: Replay
    private let identity: ArchiveIdentity
    private let pushers: [WorkerThread]
    private let fetchers: [WorkerThread]
    /// For what nobody waits for.
    private let chores: WorkerThread
    private var idlePushers: [Int]
    private var idleFetchers: [Int]
    /// What is being fetched, by the connection that waits for it.
    private var fetches: [Int: WALFetch.Request] = [:]
    /// Fetches that somebody has given up waiting for, and that still go on.
    private var stuck: Set<Int> = []

    /// PostgreSQL asks for one file at a time; a second is for pg_rewind and for people.
    private static let fetcherCount = 2
    /// Longer than any upload pauses.
    private static let abandonedAfter = Duration.seconds(86_400)

    init(_ settings: ArchiveSettings, store: any ObjectStore, gate: LeaseGate) throws {
        self.store = store
        layout = settings.layout
        completions = try Mailbox()
        pushing = WALPush(
            store: store, layout: settings.layout, codec: GzipCodec(level: settings.compressionLevel), gate: gate)
        let replay = try Replay(settings, store: store)
        self.replay = replay
        identity = ArchiveIdentity(store: store, settings: settings)
        let count = max(2, settings.parallel)
        pushers = try (0..<count).map { try WorkerThread(name: "push-\($0)", capacity: 1) }
        fetchers = try (0..<Self.fetcherCount).map { try WorkerThread(name: "fetch-\($0)", capacity: 1) }
        chores = try WorkerThread(name: "chores", capacity: 2)
        idlePushers = Array(0..<count)
        idleFetchers = Array(0..<Self.fetcherCount)
        // Garbage is no reason to stop: if the archive does not answer, a push will say so.
        let isForeign = settings.isForeign
        chores.submit {
            replay.removeLeftovers()
            // Another cluster's archive is only read.
            if !isForeign { try? store.removeAbandonedUploads(olderThan: Self.abandonedAfter) }
        }
    }

    /// nil: the archive is a directory.
    var traffic: S3Statistics? { store.traffic }

    // MARK: Pushing

    var hasIdlePusher: Bool { !idlePushers.isEmpty }

    /// Finds out whether the archive can be used, before the first segment is full: takes possession of a new one, so
    /// that from now on an absence can be confirmed.
    func claim() {
        let (pushing, identity, completions) = (pushing, identity, completions)
        chores.submit {
            let result = Result { () throws(ArchiveError) -> SystemIdentifier? in
                guard identity.known != nil else { return nil }
                return try identity.require(permission: pushing.gate.check)
            }
            completions.post(.claimed(result))
        }
    }

    /// Looks how far a foreign archive goes.
    func survey(segmentSize: UInt64) {
        let (store, layout, completions) = (store, layout, completions)
        chores.submit {
            completions.post(
                .surveyed(
                    Result { () throws(ArchiveError) -> LSN? in
                        try ForeignArchive.end(store, layout, segmentSize: segmentSize)
                    }))
        }
    }

    /// Looks whether the archive has this file; postgres asks for one at a time.
    /// - Returns: false while an earlier question hangs.
    func compare(_ name: WALFileName, from path: String, for connection: Int) -> Bool {
        let (pushing, completions) = (pushing, completions)
        return chores.submit {
            let reply: ArchiverReply
            do throws(ArchiveError) {
                reply =
                    try pushing.isArchived(name, from: path)
                    ? .done : .failed(ArchiveError(.noLease, "the holder of the lease has not archived it yet"))
            } catch { reply = .failed(error) }
            completions.post(.compared(connection: connection, reply))
        }
    }

    /// Only while there is an idle pusher.
    func push(_ name: WALFileName, from path: String, onlyIfMissing: Bool) {
        guard let slot = idlePushers.popLast() else { return }
        let (pushing, identity, completions) = (pushing, identity, completions)
        pushers[slot].submit {
            let result = Result { () throws(ArchiveError) in
                let system = try identity.require(permission: pushing.gate.check)
                return try pushing.push(name, from: path, of: system, onlyIfMissing: onlyIfMissing)
            }
            completions.post(.pushed(slot: slot, name, result))
        }
    }

    /// A pusher has finished.
    func pushed(_ slot: Int) { idlePushers.append(slot) }

    // MARK: Fetching

    /// False when the archive hangs, or too many ask at once. Nothing queues here: a promotion asks for several files,
    /// and must not wait for each of them.
    func fetch(_ name: WALFileName, to path: String, for connection: Int) -> Bool {
        guard stuck.isEmpty, let slot = idleFetchers.popLast() else { return false }
        let request = WALFetch.Request(name: name, path: path)
        fetches[connection] = request
        let (replay, identity, completions) = (replay, identity, completions)
        fetchers[slot].submit {
            let (reply, note) = replay.answer(request, of: identity.known)
            completions.post(.fetched(slot: slot, connection: connection, reply, note))
        }
        return true
    }

    /// A fetcher has finished.
    func fetched(_ slot: Int, for connection: Int) {
        idleFetchers.append(slot)
        fetches[connection] = nil
        stuck.remove(connection)
    }

    /// Nobody waits for that file any more: it must not turn up where another one is expected.
    func abandonFetch(for connection: Int) {
        guard let request = fetches[connection] else { return }
        request.abandon()
        stuck.insert(connection)
    }

    /// Gives back what nobody has asked for lately.
    func rest(at now: Instant) { replay.rest(at: now) }

    func stop() {
        for thread in pushers + fetchers + [chores] { thread.stop() }
        replay.stop()
    }
}
