import ClusterModel
import FoundationEssentials
import Glibc
import Leadership
import Platform

/// What this member has consented to, on disk beside its data directory, so that a restart forgets no promise and need
/// not be waited for (docs/leadership.md, 4).
///
/// It counts for the same member, on the same volume and in the same boot of the machine, whose clock goes on. Otherwise
/// what was promised before is not known, and is waited for as if there were no journal.
final class PromiseJournal: Sendable {
    private struct Entry: Codable, Equatable {
        static let format = 1
        var format = Self.format
        var cluster: String
        var member: MemberName
        /// Of the machine.
        var boot: String
        /// Everything that was promised since then is in here.
        var knownSince: UInt64
        var holder: Incarnation?
        var until: UInt64?
    }

    /// What is known of promises when a run begins.
    struct Start {
        var knownSince: Instant
        var memory: Memory
    }

    /// One sector: written as a whole or not at all, and without asking a full disk for room.
    private static let size = 512

    private let path: String
    private let cluster: String
    private let member: MemberName
    private let boot: String?
    private let thread: WorkerThread

    init(
        path: String, cluster: String, member: MemberName,
        boot: String? = try? Files.readText("/proc/sys/kernel/random/boot_id", limit: 64)
    ) throws(SystemError) {
        self.path = path
        self.cluster = cluster
        self.member = member
        self.boot = boot
        thread = try WorkerThread(name: "promises", capacity: 8)
    }

    /// Reads what was promised before, and begins the journal where there is none that counts. Before anything is promised.
    func start(now: Instant) -> Start {
        if let entry = read(), entry.format == Entry.format, entry.cluster == cluster, entry.member == member,
            entry.boot == boot, entry.knownSince <= now.nanoseconds
        {
            var memory = Memory()
            if let holder = entry.holder, let until = entry.until {
                memory.promise = Memory.Promise(holder: holder, until: Instant(nanoseconds: until))
            }
            return Start(knownSince: Instant(nanoseconds: entry.knownSince), memory: memory)
        }
        _ = write(nil, knownSince: now)
        return Start(knownSince: now, memory: Memory())
    }

    /// Makes a promise durable; `done` is called from another thread, with whether a restart will know of it, or will
    /// wait as if it did.
    func keep(_ promise: Memory.Promise, knownSince: Instant, done: @escaping @Sendable (Bool) -> Void) {
        let accepted = thread.submit { [self] in done(write(promise, knownSince: knownSince)) }
        if !accepted { done(false) }
    }

    private func write(_ promise: Memory.Promise?, knownSince: Instant) -> Bool {
        guard let boot else { return removed() }
        let entry = Entry(
            cluster: cluster, member: member, boot: boot, knownSince: knownSince.nanoseconds, holder: promise?.holder,
            until: promise?.until.nanoseconds)
        guard let text = try? JSONEncoder().encode(entry), text.count < Self.size else { return removed() }
        var bytes = Array(text)
        bytes += Array(repeating: UInt8(ascii: " "), count: Self.size - 1 - bytes.count) + [UInt8(ascii: "\n")]
        do {
            if (try? Files.size(path)) != UInt64(Self.size) {
                try Files.writeDurably(bytes, to: path)
            } else {
                let file = try FileDescriptor(opening: path, O_WRONLY)
                try file.write(bytes)
                try file.fsync()
                try file.close()
            }
            return true
        } catch {
            return removed()
        }
    }

    /// Without a journal the next run waits.
    private func removed() -> Bool {
        do {
            try Files.remove(path)
            try Files.syncDirectory(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
            return true
        } catch {
            return false
        }
    }

    private func read() -> Entry? {
        guard let bytes = try? Files.read(path, limit: Self.size) else { return nil }
        return try? JSONDecoder().decode(Entry.self, from: Data(bytes))
    }
}
