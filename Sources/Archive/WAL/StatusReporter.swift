import ClusterModel
import FoundationEssentials
import Glibc
import ObjectStorage
import Platform

/// Tells PID 1 how archiving goes: one JSON line a change, at most five a second.
struct StatusReporter {
    var status = ArchiveStatus()

    /// Something that PID 1 waits for: it is told at once.
    private var isUrgent = false
    private let descriptor: Int32
    private let encoder = JSONEncoder()
    private var told: ArchiveStatus?
    private var lastTold: Instant?

    private static let interval = Duration.milliseconds(200)

    /// - Parameter descriptor: a pipe, which stays the caller's; negative: nobody wants to know.
    init(descriptor: Int32) {
        self.descriptor = descriptor
        encoder.outputFormatting = [.sortedKeys]
        // A PID 1 that does not read must not stop the archive.
        let flags = fcntl(descriptor, F_GETFL)
        if flags >= 0 { _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
    }

    mutating func archived(_ name: WALFileName, _ success: WALPush.Success, at time: Double) {
        status.archivedCount += 1
        status.archivedBytes += success.source.size
        status.storedBytes = (status.storedBytes ?? 0) + success.storedBytes
        if case .history(let timeline) = name {
            status.archivedHistory = max(status.archivedHistory ?? timeline, timeline)
            if status.refusedHistory == timeline { status.refusedHistory = nil }
            isUrgent = true
        }
        status.lastArchived = name.description
        status.lastArchivedTime = time
        // What does not fail any more is no problem any more.
        if status.lastFailed == name.description || status.lastFailed == nil { clearError() }
    }

    mutating func failed(_ name: WALFileName, _ error: ArchiveError) {
        status.failedCount += 1
        status.failures = (status.failures ?? [:]).merging([error.kind.rawValue: 1]) { $0 + $1 }
        if error.isConflict {
            status.conflicts = (status.conflicts ?? 0) + 1
            if case .history(let timeline) = name { status.refusedHistory = timeline }
            isUrgent = true
        }
        status.lastFailed = name.description
        status.lastError = error.message
    }

    mutating func fetched(_ reply: ArchiverReply, _ note: Replay.Note?) {
        switch reply {
        case .done: status.fetchedCount = (status.fetchedCount ?? 0) + 1
        case .leave: break
        case .absent: status.absentCount = (status.absentCount ?? 0) + 1
        case .failed: status.fetchFailedCount = (status.fetchFailedCount ?? 0) + 1
        }
        if case .prefetched = note { status.prefetchedCount = (status.prefetchedCount ?? 0) + 1 }
    }

    mutating func note(_ traffic: S3Statistics?) {
        guard let traffic else { return }
        status.storeRequests = traffic.requests
        status.storeRetries = traffic.retries
        status.storeThrottled = traffic.throttled
        status.storeTrouble = traffic.trouble
    }

    mutating func clearError() {
        status.lastFailed = nil
        status.lastError = nil
    }

    /// Writes a line if there is news and the last one is long enough ago.
    /// - Returns: when to come back; nil: when something changes.
    mutating func tell(at now: Instant) -> Instant? {
        guard descriptor >= 0, status != told else { return nil }
        if let lastTold, !isUrgent, now < lastTold + Self.interval { return lastTold + Self.interval }
        guard var line = try? encoder.encode(status) else { return nil }
        line.append(UInt8(ascii: "\n"))
        lastTold = now
        // A pipe takes a line this short whole or not at all.
        let written = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == line.count else { return now + Self.interval }
        told = status
        isUrgent = false
        return nil
    }
}
