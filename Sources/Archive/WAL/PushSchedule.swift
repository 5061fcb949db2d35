import ClusterModel

/// Which file is pushed next, and who waits for it: pure, without clock or thread.
///
/// PostgreSQL asks for one file at a time. The archiver works ahead over all that are ready, several at once, and
/// remembers what is durable, so that a later request is answered at once. It does not rename `.ready` to `.done`
/// itself: PostgreSQL does that when it has the answer, and a second hand in that directory would be a race to lose.
/// An answer is about its own file alone and never waits for a neighbour.
struct PushSchedule {
    typealias Waiter = Int

    /// What a finished push says.
    enum Outcome: Hashable {
        case archived(WALSource.Identity)
        case failed(ArchiveError)
    }

    private var ready: Set<WALFileName> = []
    /// Those of `ready` that are not durable yet, oldest first: a long backlog must not be searched for each of its files.
    private var backlog: [WALFileName] = []
    private var archived: [WALFileName: WALSource.Identity] = [:]
    private var inFlight: Set<WALFileName> = []
    private var waiters: [WALFileName: [Waiter]] = [:]
    /// What a former primary may have left out of the archive.
    private var gaps: Set<WALFileName> = []
    private var delays: [WALFileName: Delay] = [:]
    /// After a failure that is not about one file: nothing is tried unasked before it.
    private var wholeDelay: Delay?

    private struct Delay: Hashable {
        var attempts: Int
        var until: Instant
    }

    private static let shortestDelay = Duration.seconds(1)
    private static let longestDelay = Duration.seconds(30)

    /// Files that are `.ready` and not durable in the archive yet.
    var waitingCount: Int { backlog.count }
    /// The one that waits longest.
    var oldestWaiting: WALFileName? { backlog.first }
    var inFlightCount: Int { inFlight.count }

    /// Takes what `archive_status` shows; forgets what PostgreSQL has finished with.
    mutating func scanned(_ names: some Sequence<WALFileName>) {
        ready = Set(names)
        archived = archived.filter { ready.contains($0.key) || waiters[$0.key] != nil }
        backlog = ready.filter { archived[$0] == nil }.sorted { $0.isArchivedBefore($1) }
        delays = delays.filter { ready.contains($0.key) || waiters[$0.key] != nil || gaps.contains($0.key) }
    }

    /// Whether the last look at `archive_status` showed it.
    func knows(_ name: WALFileName) -> Bool { ready.contains(name) }

    /// Takes up files that may be missing from the archive although PostgreSQL will not ask for them; they come after
    /// everything else, and only if the archive does not have them.
    mutating func suspected(_ names: some Sequence<WALFileName>) { gaps = Set(names) }

    /// PostgreSQL asks for a file.
    /// - Parameter identity: of the file as it is now; nil when it cannot be read.
    /// - Returns: whether it is durable already; otherwise `finished` will name the waiter.
    mutating func asked(_ name: WALFileName, identity: WALSource.Identity?, by waiter: Waiter) -> Bool {
        if let identity, archived[name] == identity { return true }
        // Another file under a known name: push it again, and let the comparison decide.
        if archived.removeValue(forKey: name) != nil, ready.contains(name) {
            backlog.insert(name, at: backlog.firstIndex { name.isArchivedBefore($0) } ?? backlog.endIndex)
        }
        waiters[name, default: []].append(waiter)
        return false
    }

    /// A waiter is gone; its file is pushed nevertheless.
    mutating func left(_ waiter: Waiter) {
        for name in Array(waiters.keys) {
            waiters[name]?.removeAll { $0 == waiter }
            if waiters[name]?.isEmpty == true { waiters[name] = nil }
        }
    }

    /// The file to push now, which counts as in flight from here on; nil: none.
    /// - Returns: `onlyIfMissing`: an object that is there already is not compared, because nobody relies on it.
    mutating func next(at now: Instant) -> (name: WALFileName, onlyIfMissing: Bool)? {
        let asked = waiters.keys.filter { !inFlight.contains($0) }
        if let name = asked.min(by: { $0.isArchivedBefore($1) }) { return begin(name) }
        guard wholeDelay.map({ $0.until <= now }) ?? true else { return nil }
        func isFree(_ name: WALFileName) -> Bool {
            archived[name] == nil && !inFlight.contains(name) && (delays[name].map { $0.until <= now } ?? true)
        }
        if let name = backlog.first(where: isFree) { return begin(name) }
        guard let name = gaps.filter(isFree).min(by: { $0.isArchivedBefore($1) }) else { return nil }
        return begin(name, onlyIfMissing: true)
    }

    private mutating func begin(
        _ name: WALFileName, onlyIfMissing: Bool = false
    ) -> (name: WALFileName, onlyIfMissing: Bool)? {
        inFlight.insert(name)
        return (name, onlyIfMissing)
    }

    /// The waiters to answer. A failure is told at once: PostgreSQL repeats by itself, and so does the schedule.
    mutating func finished(_ name: WALFileName, _ outcome: Outcome, at now: Instant) -> [Waiter] {
        inFlight.remove(name)
        switch outcome {
        case .archived(let identity):
            gaps.remove(name)
            archived[name] = identity
            // Near the front, where the oldest are.
            if let index = backlog.firstIndex(of: name) { backlog.remove(at: index) }
            delays[name] = nil
            wholeDelay = nil
        case .failed(let error):
            // Whatever is wrong with it, nobody asked for it.
            if error.kind == .refused { gaps.remove(name) }
            delays[name] = Self.longer(delays[name], now)
            // A refusal is about this file, and must not hold up the next.
            if error.kind == .unavailable { wholeDelay = Self.longer(wholeDelay, now) }
        }
        return waiters.removeValue(forKey: name) ?? []
    }

    /// All waiters, to be told that nothing will come; the schedule forgets them.
    mutating func abandon() -> [Waiter] {
        defer { waiters = [:] }
        return waiters.values.flatMap(\.self)
    }

    private static func longer(_ delay: Delay?, _ now: Instant) -> Delay {
        // Files that were in flight together fail together: that is one failure.
        if let delay, delay.until > now { return delay }
        let attempts = (delay?.attempts ?? 0) + 1
        let pause = min(shortestDelay * (1 << min(attempts - 1, 10)), longestDelay)
        return Delay(attempts: attempts, until: now + pause)
    }
}
