import ClusterModel
import FoundationEssentials
import Glibc
import ObjectStorage
import Platform

/// Says that somebody is taking a base backup of this cluster, so that nobody else begins one.
///
/// Objects are never changed, so the lock is a row of numbered ones of which the last counts: its holder adds the next
/// one every half minute. One that has not been renewed for two minutes, or whose process is known to be gone, is
/// taken over. It keeps backups from disturbing each other; that two of them do not mix rests on their ids.
package final class BackupLock: Sendable {
    package struct Holder: Codable, Hashable, Sendable {
        /// Of the member, or of the host.
        package var name: String
        package var backupID: String
        /// Which kernel, and which processes of it: those of two pods have the same numbers.
        package var processSpace: String
        package var process: Int32
        /// In clock ticks since the kernel's start.
        package var processStart: UInt64
        package var startedAt: String
        package var renewedAt: String
    }

    private static let renewal = Duration.seconds(30)
    /// Microseconds.
    fileprivate static let expiry: Int64 = 120_000_000

    /// Whose place this one took; nil: nobody's.
    package let abandoned: Holder?
    private let ended: Mailbox<Void>
    private let thread: WorkerThread
    private let done = Platform.Semaphore()

    /// Takes the lock; throws, naming the holder, when somebody else has it.
    /// - Parameter lost: called on another thread if the lock was taken over, because it could not be renewed.
    package init(
        _ store: any ObjectStore, _ layout: ArchiveLayout, name: String, backupID: String,
        lost: @escaping @Sendable () -> Void
    ) throws {
        let now = Self.now
        let holder = Holder(
            name: name, backupID: backupID, processSpace: Self.processSpace, process: getpid(),
            processStart: Processes.startTicks(of: getpid()) ?? 0, startedAt: now.iso8601, renewedAt: now.iso8601)
        let last = try Self.last(store, layout)
        if let (_, other) = last, other.isAlive(now) { throw Self.refusal(other) }
        let number = (last?.number ?? 0) + 1
        guard try Self.put(holder, number, store, layout) else {
            // Somebody was faster by a moment.
            throw Self.refusal(try Self.last(store, layout)?.holder ?? holder)
        }
        abandoned = last?.holder
        // From here on it is ours; what throws before leaves nothing that `end` would have to wait for.
        ended = try Mailbox(capacity: 1)
        thread = try WorkerThread(name: "backup-lock", capacity: 1)
        let (ended, done) = (ended, done)
        thread.submit {
            // One that was taken over; if it stays, the next one goes by its number.
            if let last { try? store.delete(layout.backupLock(last.number)) }
            Self.keep(holder, number, store, layout, ended, lost: lost, done)
        }
    }

    deinit { end() }

    /// Gives it back; returns when it is gone, or was found not to be reached.
    package func end() {
        ended.post(())
        thread.stop()
        done.wait()
        // For a second call.
        done.signal()
    }

    /// Who is taking a backup now; nil: nobody who is known to be alive.
    package static func current(_ store: any ObjectStore, _ layout: ArchiveLayout) throws -> Holder? {
        guard let (_, holder) = try last(store, layout), holder.isAlive(now) else { return nil }
        return holder
    }

    /// The backup that the last holder was making, alive or not; nil: nobody has the lock, or it cannot be read.
    static func backupID(_ store: any ObjectStore, _ layout: ArchiveLayout) throws(ObjectStoreError) -> String? {
        do { return try last(store, layout)?.holder.backupID } catch let error as ObjectStoreError { throw error } catch
        { return nil }
    }

    private static func keep(
        _ holder: Holder, _ first: Int, _ store: any ObjectStore, _ layout: ArchiveLayout, _ ended: Mailbox<Void>,
        lost: @Sendable () -> Void, _ done: Platform.Semaphore
    ) {
        defer { done.signal() }
        var (holder, number) = (holder, first)
        var next = BootClock.now() + renewal
        while ended.drain().isEmpty {
            _ = Poll.wait([ended.wakeDescriptor], until: next)
            guard BootClock.now() >= next else { continue }
            next = BootClock.now() + renewal
            holder.renewedAt = now.iso8601
            // A store that does not answer is asked again: the lock lasts longer than that.
            guard let isOurs = try? put(holder, number + 1, store, layout) else { continue }
            guard isOurs else {
                lost()
                return
            }
            number += 1
            try? store.delete(layout.backupLock(number - 1))
        }
        // One that stays looks held for as long as this process lives.
        for attempt in 1...3 {
            do { return try store.delete(layout.backupLock(number)) } catch { usleep(UInt32(attempt) * 200_000) }
        }
    }

    private static func last(_ store: any ObjectStore, _ layout: ArchiveLayout) throws -> (number: Int, holder: Holder)?
    {
        // Whoever renews removes the one before: between listing and reading it may be gone.
        for _ in 0..<5 {
            let numbers = try store.listAll(layout.backupLocks).objects.compactMap { object in
                Int(object.key.name.prefix { $0 != "." })
            }
            guard let number = numbers.max() else { return nil }
            guard let content = try store.readAll(layout.backupLock(number)) else { continue }
            guard let holder = try? JSONDecoder().decode(Holder.self, from: Data(content)) else {
                throw ArchiveError(
                    .refused,
                    "'\(layout.backupLock(number))' in the archive cannot be read: remove it if no backup runs")
            }
            return (number, holder)
        }
        throw ArchiveError(.unavailable, "the lock of backups changes all the time")
    }

    private static func put(_ holder: Holder, _ number: Int, _ store: any ObjectStore, _ layout: ArchiveLayout) throws
        -> Bool
    {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try store.putIfAbsent(layout.backupLock(number), Array(encoder.encode(holder))) != .different
    }

    private static func refusal(_ other: Holder) -> ArchiveError {
        ArchiveError(
            .refused,
            "\(other.name) is taking backup \(other.backupID) since \(other.startedAt) (process \(other.process)): "
                + "only one runs at a time; without a sign of life it counts as abandoned two minutes after "
                + other.renewedAt)
    }

    private static var now: Timestamp { Timestamp(microseconds: BootClock.wallClockMilliseconds() * 1000) }

    fileprivate static let processSpace: String = {
        let kernel = (try? Files.readText("/proc/sys/kernel/random/boot_id"))?.split(separator: "\n").first ?? "?"
        return "\(kernel) \((try? Files.linkTarget("/proc/self/ns/pid")) ?? "?")"
    }()
}

extension BackupLock.Holder {
    /// Its process was one of this machine, and is no more; false: nobody knows.
    package var isGone: Bool {
        processSpace == BackupLock.processSpace && Processes.startTicks(of: process) != processStart
    }

    fileprivate func isAlive(_ now: Timestamp) -> Bool {
        if processSpace == BackupLock.processSpace { return Processes.startTicks(of: process) == processStart }
        guard let renewed = Timestamp(renewedAt) else { return true }
        return now.microseconds - renewed.microseconds < BackupLock.expiry
    }
}

extension ArchiveLayout {
    /// Who is taking a base backup.
    package var backupLocks: String { server + "/pgmahout/backup-lock/" }

    func backupLock(_ number: Int) -> ObjectKey {
        let digits = String(number)
        return ObjectKey(backupLocks + String(repeating: "0", count: max(0, 10 - digits.count)) + digits + ".json")
    }
}
