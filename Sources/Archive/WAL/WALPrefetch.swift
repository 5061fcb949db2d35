import ClusterModel
import Glibc
import ObjectStorage
import Platform
import Synchronization

/// Fetches ahead what a replay is going to ask for, onto the file system of `pg_wal`: to deliver it is a rename then.
///
/// Only what a listing shows is fetched, so that nothing is asked for in vain, and only so much as `depth` segments.
/// The spool is a cache: whatever is wrong with it, the segment is fetched in the usual way.
final class WALPrefetch: Sendable {
    private struct Listing {
        var names: Set<String>
        var asked: Instant
    }

    private struct State {
        /// In the spool, whole and checked.
        var ready: Set<WALSegment> = []
        var underWay: [WALSegment: [Mailbox<Bool>]] = [:]
        var listings: [String: Listing] = [:]
        /// The segment that was asked for last.
        var current: WALSegment?
        var asked = Instant(nanoseconds: 0)
        var isPlanning = false
        var spool: String?
        /// Of the spool: what was begun before it was cleared is thrown away.
        var generation = 0
        var nextWorker = 0
    }

    private let fetching: WALFetch
    private let dataDirectory: String
    /// A second worker over the same data directory, which reads another cluster's archive, has a spool of its own.
    private let isForeign: Bool
    private let workers: [WorkerThread]
    private let planner: WorkerThread
    private let state = Mutex(State())

    private static let mostSegments: UInt64 = 16
    private static let mostBytes: UInt64 = 256 << 20
    private static let listingLifetime = Duration.seconds(1)
    /// Nobody has asked for so long: it streams, or it is a primary by now.
    private static let idleTime = Duration.seconds(60)

    init(_ fetching: WALFetch, dataDirectory: String, parallel: Int, isForeign: Bool = false) throws {
        self.fetching = fetching
        self.dataDirectory = dataDirectory
        self.isForeign = isForeign
        workers = try (0..<min(4, max(2, parallel))).map {
            try WorkerThread(name: "prefetch-\($0)", capacity: Int(Self.mostSegments))
        }
        planner = try WorkerThread(name: "prefetch-plan", capacity: 2)
    }

    /// Where the spool may be: beside the data directory, or within pg_wal where that is a file system of its own.
    private var places: [String] {
        isForeign
            ? [dataDirectory + ".pgmahout-remote-wal", dataDirectory + "/pg_wal/pgmahout-remote-prefetch"]
            : [dataDirectory + ".pgmahout-wal", dataDirectory + "/pg_wal/pgmahout-prefetch"]
    }

    /// Removes what an earlier run has left.
    func removeLeftovers() {
        for place in places where Files.exists(place) { try? Files.removeTree(place) }
    }

    // MARK: Asked by fetchers

    /// Whether the segment lay ready, or was about to, and has been delivered.
    func deliver(_ request: WALFetch.Request, _ segment: WALSegment) -> Bool {
        guard let box = try? Mailbox<Bool>(capacity: 1) else { return false }
        let (isReady, isComing, spool) = state.withLock { state in
            if state.ready.remove(segment) != nil { return (true, false, state.spool) }
            guard state.underWay[segment] != nil else { return (false, false, state.spool) }
            state.underWay[segment]?.append(box)
            return (false, true, state.spool)
        }
        guard let spool, isReady || isComing else { return false }
        if isComing {
            while true {
                _ = Poll.wait([box.wakeDescriptor], until: BootClock.now() + .seconds(1))
                if let came = box.drain().first {
                    guard came, state.withLock({ $0.ready.remove(segment) != nil }) else { return false }
                    break
                }
                if request.isAbandoned { return false }
            }
        }
        let path = "\(spool)/\(segment)"
        guard !request.isAbandoned, rename(path, request.path) == 0 else {
            unlink(path)
            return false
        }
        return true
    }

    /// Whether a listing of a moment ago does not show it: replay over several timelines asks for each segment on each.
    func isKnownAbsent(_ segment: WALSegment) -> Bool {
        state.withLock { state in
            guard let listing = state.listings[fetching.layout.directory(of: .segment(segment))] else { return false }
            return BootClock.now().since(listing.asked) < Self.listingLifetime
                && !listing.names.contains(segment.description)
        }
    }

    /// Sees to what comes behind `segment`.
    func follow(_ segment: WALSegment, of system: SystemIdentifier?) {
        let begins = state.withLock { state in
            state.current = segment
            state.asked = BootClock.now()
            defer { state.isPlanning = true }
            return !state.isPlanning
        }
        guard begins else { return }
        planner.submit { [self] in
            while let segment = state.withLock({ $0.current }) {
                plan(behind: segment, of: system)
                let isDone = state.withLock { state in
                    guard state.current == segment else { return false }
                    state.isPlanning = false
                    return true
                }
                if isDone { return }
            }
            state.withLock { $0.isPlanning = false }
        }
    }

    // MARK: Planning

    private func plan(behind segment: WALSegment, of system: SystemIdentifier?) {
        let depth = max(2, min(Self.mostSegments, Self.mostBytes / segment.size))
        guard let spool = spool(), let free = try? Files.freeBytes(spool), free / segment.size > 2 * depth else {
            return
        }
        let outdated = state.withLock { state in
            // Not this one, which may be about to be delivered. Of another timeline the same number may be asked for
            // next: replay tries the newest timeline first.
            let old = state.ready.filter { $0.number < segment.number || $0.number > segment.number + depth }
            state.ready.subtract(old)
            return old
        }
        for segment in outdated { unlink("\(spool)/\(segment)") }
        var next = segment.next
        for _ in 0..<depth {
            if state.withLock({ $0.ready.contains(next) || $0.underWay[next] != nil }) {
                next = next.next
                continue
            }
            guard isListed(next) else { return }
            begin(next, in: spool, of: system)
            next = next.next
        }
    }

    private func begin(_ segment: WALSegment, in spool: String, of system: SystemIdentifier?) {
        let (worker, generation) = state.withLock { state in
            state.underWay[segment] = []
            state.nextWorker = (state.nextWorker + 1) % workers.count
            return (workers[state.nextWorker], state.generation)
        }
        let accepted = worker.submit { [self] in
            let request = WALFetch.Request(name: .segment(segment), path: "\(spool)/\(segment)")
            let came = (try? fetching.fetch(request, of: system)) ?? false
            finish(segment, came, generation, path: request.path)
        }
        if !accepted { finish(segment, false, generation, path: nil) }
    }

    private func finish(_ segment: WALSegment, _ came: Bool, _ generation: Int, path: String?) {
        let (waiting, isWanted) = state.withLock { state in
            let isWanted = came && generation == state.generation
            if isWanted { state.ready.insert(segment) }
            return (state.underWay.removeValue(forKey: segment) ?? [], isWanted)
        }
        if came, !isWanted, let path { unlink(path) }
        for box in waiting { box.post(isWanted) }
    }

    private func isListed(_ segment: WALSegment) -> Bool {
        let folder = fetching.layout.directory(of: .segment(segment))
        let name = segment.description
        let (isThere, isFresh) = state.withLock { state in
            let listing = state.listings[folder]
            return (
                listing?.names.contains(name) ?? false,
                listing.map { BootClock.now().since($0.asked) < Self.listingLifetime } ?? false
            )
        }
        if isThere || isFresh { return isThere }
        let asked = BootClock.now()
        guard let page = try? fetching.store.listAll(folder) else { return false }
        let names = Set(
            page.objects.map { object in
                let name = object.key.name
                return name.hasSuffix(".gz") ? String(name.dropLast(3)) : name
            })
        state.withLock { state in
            // A replay has two folders in sight at most, on each of a few timelines.
            if state.listings.count > 16 { state.listings = [:] }
            state.listings[folder] = Listing(names: names, asked: asked)
        }
        return names.contains(name)
    }

    // MARK: The spool

    /// nil: there is no place from which a rename leads into pg_wal.
    private func spool() -> String? {
        if let known = state.withLock({ $0.spool }), Files.isDirectory(known) { return known }
        guard let device = Self.device(of: dataDirectory + "/pg_wal") else { return nil }
        for place in places {
            do throws(SystemError) { try Files.makeDirectory(place) } catch { continue }
            if Self.device(of: place) == device {
                state.withLock { $0.spool = place }
                return place
            }
            rmdir(place)
        }
        return nil
    }

    private static func device(of path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_dev) : nil
    }

    /// Gives the room back when nobody has asked for a while.
    func rest(at now: Instant) {
        let isIdle = state.withLock { $0.spool != nil && now.since($0.asked) > Self.idleTime }
        if isIdle { clear() }
    }

    func clear() {
        let spool = state.withLock { state in
            state.generation += 1
            state.ready = []
            state.listings = [:]
            return state.spool.take()
        }
        if let spool { try? Files.removeTree(spool) }
    }

    func stop() {
        for thread in workers + [planner] { thread.stop() }
        clear()
    }
}
