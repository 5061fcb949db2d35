import ClusterModel
import Compression
import ObjectStorage
import Platform
import Postgres

/// The archiver's threads: what they do blocks, on the disk or on the archive.
final class ArchiverJobs {
    enum Completion: Sendable {
        case pushed(slot: Int, WALFileName, Result<WALPush.Success, ArchiveError>)
        case fetched(connection: Int, ArchiverReply)
    }

    let completions: Mailbox<Completion>
    private let pushing: WALPush
    private let fetching: WALFetch
    private let identity: ArchiveIdentity
    private let pushers: [WorkerThread]
    private let fetchers: [WorkerThread]
    private var idle: [Int]
    private var nextFetcher = 0

    /// Longer than any upload pauses.
    private static let abandonedAfter = Duration.seconds(86_400)

    init(_ settings: ArchiveSettings, store: any ObjectStore, gate: LeaseGate) throws {
        completions = try Mailbox()
        pushing = WALPush(
            store: store, layout: settings.layout, codec: GzipCodec(level: settings.compressionLevel), gate: gate)
        fetching = WALFetch(store: store, layout: settings.layout)
        identity = ArchiveIdentity(store: store, settings: settings)
        let count = max(2, settings.parallel)
        pushers = try (0..<count).map { try WorkerThread(name: "push-\($0)", capacity: 1) }
        fetchers = try (0..<2).map { try WorkerThread(name: "fetch-\($0)") }
        idle = Array(0..<count)
        // Garbage is no reason to stop: if the archive does not answer, a push will say so.
        fetchers[0].submit { try? store.removeAbandonedUploads(olderThan: Self.abandonedAfter) }
    }

    var hasIdlePusher: Bool { !idle.isEmpty }

    /// Only while there is an idle pusher.
    func push(_ name: WALFileName, from path: String, onlyIfMissing: Bool) {
        guard let slot = idle.popLast() else { return }
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
    func release(_ slot: Int) { idle.append(slot) }

    /// False when there are too many already.
    func fetch(_ name: WALFileName, to path: String, for connection: Int) -> Bool {
        nextFetcher = (nextFetcher + 1) % fetchers.count
        let (fetching, identity, completions) = (fetching, identity, completions)
        return fetchers[nextFetcher].submit {
            let reply: ArchiverReply
            do throws(ArchiveError) {
                reply = try fetching.fetch(name, to: path, of: identity.known) ? .done : .absent
            } catch {
                reply = .failed(error)
            }
            completions.post(.fetched(connection: connection, reply))
        }
    }

    func stop() { for thread in pushers + fetchers { thread.stop() } }
}
