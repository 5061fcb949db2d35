import ClusterModel
import LeaseStores
import Platform

extension LeaseStoreConformance {
    static func checkLostReply(_ subject: any LeaseStoreSubject) throws {
        let (store, other) = (try subject.open(), try subject.openDirect())
        try subject.loseNextReply()
        let created = try doubtful("create") { try store.create(record(term: 1, renewal: "a")) }
        let first = try require(other.read(), "a create that was applied is not there")
        try require(created == nil || created == first.version, "create returned another version than is stored")
        try expect(.alreadyExists, "create once more") { _ = try store.create(record(term: 9)) }

        try subject.loseNextReply()
        let replaced = try doubtful("replace") {
            try store.replace(record(term: 2, renewal: "b"), at: first.version)
        }
        let second = try require(store.read(), "the record vanished")
        try require(second.record.term == 2, "a replacement that was applied is not there")
        try require(replaced == nil || replaced == second.version, "replace returned another version than is stored")
        try expect(.conflict, "replace once more") { _ = try store.replace(record(term: 9), at: first.version) }
        _ = try store.replace(record(term: 3), at: second.version)
        try require(other.read()?.record.term == 3, "the store does not go on after a lost reply")
    }

    static func checkSlow(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        try makeRecord(store)
        try subject.slow(by: subject.bound / 8)
        let version = try goesOn(store, from: 1...2)

        try subject.slow(by: subject.bound * 2)
        try expectUnavailable(subject, "read of a store that is too slow") { _ = try store.read() }
        try expectUnavailable(subject, "replace in a store that is too slow") {
            _ = try store.replace(record(term: 3), at: version)
        }
        try subject.slow(by: .zero)
        try goesOn(store, from: 2...3)
    }

    static func checkPaused(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        let version = try makeRecord(store)
        try subject.pause()
        try expectUnavailable(subject, "read of a store that stands still") { _ = try store.read() }
        try expectUnavailable(subject, "replace in a store that stands still") {
            _ = try store.replace(record(term: 2), at: version)
        }
        try subject.resume()
        // What was sent while it stood still may be applied, or not.
        try goesOn(store, from: 1...2)
    }

    static func checkDisconnected(_ subject: any LeaseStoreSubject) throws {
        let (store, other) = (try subject.open(), try subject.openDirect())
        let version = try makeRecord(other)
        try subject.disconnect()
        try expectUnavailable(subject, "read without a connection") { _ = try store.read() }
        try expectUnavailable(subject, "replace without a connection") {
            _ = try store.replace(record(term: 2), at: version)
        }
        try expectUnavailable(subject, "create without a connection") { _ = try store.create(record(term: 3)) }
        try subject.reconnect()
        try goesOn(store, from: 1...1)
    }

    static func checkWatchGap(_ subject: any LeaseStoreSubject) throws {
        let (store, other) = (try subject.open(), try subject.openDirect())
        var version = try other.create(record(term: 1))
        let changes = try Mailbox<Void>(capacity: 1000)
        let watch = try store.watch { changes.post(()) }
        version = try other.replace(record(term: 2), at: version)
        try awaitHint(changes, "of a change")

        try subject.disconnect()
        version = try other.replace(record(term: 3), at: version)
        // A last one may still be on its way.
        _ = Poll.wait([], until: BootClock.now() + .milliseconds(200))
        _ = changes.drain()
        try subject.reconnect()
        try awaitHint(changes, "after a change that was missed")
        try goesOn(store, from: 3...3)
        _ = Poll.wait([], until: BootClock.now() + .milliseconds(200))
        _ = changes.drain()
        let current = try require(other.read(), "the record vanished")
        _ = try other.replace(record(term: 9), at: current.version)
        try awaitHint(changes, "of a change after a gap")
        watch.stop()
    }

    static func checkRecreation(_ subject: any LeaseStoreSubject) throws {
        let (store, other) = (try subject.open(), try subject.openDirect())
        // The same content to the letter: only when it was written tells the two apart.
        let record = record(term: 4, renewal: "same")
        let old = try store.create(record)
        try require(other.read()?.version == old, "two ways lead to different records")
        try subject.deleteRecord()
        let new = try other.create(record)
        try require(new != old, "a record made anew has an old version")
        for writer in [store, other] {
            try expect(.conflict, "replace at a version from before the deletion") {
                _ = try writer.replace(Self.record(term: 5), at: old)
            }
        }
        try require(store.read()?.version == new, "an old version was accepted")
    }

    static func checkStaleAfterRestore(_ subject: any LeaseStoreSubject) throws {
        let (store, other) = (try subject.open(), try subject.open())
        let first = try store.create(record(term: 1))
        try subject.keepCopy()
        let second = try store.replace(record(term: 2), at: first)
        let third = try store.replace(record(term: 3), at: second)
        try require(other.read()?.version == third, "two members read different records")
        try subject.restoreCopy()
        // Nobody has looked since: these writers know nothing of the restore.
        for version in [first, second, third] {
            try expect(.conflict, "replace at \(version), from before a restore") {
                _ = try store.replace(record(term: 8), at: version)
            }
        }
        // The numbers of lost states are given once more, to other contents.
        var current = try require(store.read(), "a restored record is not read")
        try require(current.record.term == 1, "read term \(current.record.term) after restoring 1")
        for term in 12...13 {
            current.version = try store.replace(record(term: UInt64(term)), at: current.version)
            for version in [first, second, third] {
                try expect(.conflict, "replace at \(version), lost by a restore, by another member") {
                    _ = try other.replace(record(term: 9), at: version)
                }
            }
        }
        try require(other.read()?.record.term == 13, "a version from before a restore was accepted")
    }

    static func checkNewer(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        let version = try store.create(record(term: 1))
        try subject.putNewerRecord(format: 99)
        let reason = try expectInvalid("read of a newer record") { _ = try store.read() }
        try require(
            reason.contains("format 99") && reason.contains("up to \(ClusterRecord.currentFormat)"),
            "the message does not name the formats: \(reason)")
        try expect(.conflict, "replace of a newer record") { _ = try store.replace(record(term: 2), at: version) }
        try expect(.alreadyExists, "create over a newer record") { _ = try store.create(record(term: 2)) }
        _ = try expectInvalid("read after refused writes") { _ = try store.read() }
    }

    // MARK: - Tools

    /// nil when the store does not know whether it wrote; every other error is a violation.
    private static func doubtful(_ what: String, _ body: () throws -> RecordVersion) throws -> RecordVersion? {
        do { return try body() } catch LeaseStoreError.unavailable { return nil } catch let error as LeaseStoreError {
            throw Violation(description: "\(what), applied and not answered: \(error)")
        }
    }

    /// Within the bound, with room for a machine that is busy.
    private static func expectUnavailable(
        _ subject: any LeaseStoreSubject, _ what: String, _ body: () throws -> Void
    ) throws {
        let began = BootClock.now()
        do {
            try body()
            throw Violation(description: "\(what): succeeded")
        } catch LeaseStoreError.unavailable {
        } catch let error as LeaseStoreError {
            throw Violation(description: "\(what): \(error) instead of unavailable")
        }
        let took = BootClock.now().since(began)
        try require(took < subject.bound + .seconds(3), "\(what): returned after \(took), bound \(subject.bound)")
    }

    /// With term 1, however long a machine that is busy takes for it.
    @discardableResult
    private static func makeRecord(_ store: any LeaseStore) throws -> RecordVersion {
        let deadline = BootClock.now() + .seconds(20)
        while true {
            do throws(LeaseStoreError) { return try store.create(record(term: 1)) } catch {
                guard error.isUnavailable || error == .alreadyExists else { throw error }
                // Made by an attempt that was not answered.
                if error == .alreadyExists, let current = try? store.read() { return current.version }
            }
            try require(BootClock.now() < deadline, "no record can be made")
        }
    }

    /// The store answers again, with one of these terms, and takes writes.
    @discardableResult
    private static func goesOn(
        _ store: any LeaseStore, from terms: ClosedRange<UInt64>
    ) throws -> RecordVersion {
        let deadline = BootClock.now() + .seconds(10)
        while true {
            do {
                let current = try require(store.read(), "the record vanished")
                try require(terms.contains(current.record.term), "term \(current.record.term), not of \(terms)")
                let version = try store.replace(record(term: terms.upperBound), at: current.version)
                try require(store.read()?.version == version, "a write after a fault is not there")
                return version
            } catch let error as LeaseStoreError {
                guard error == .conflict || error.isUnavailable else { throw error }
                try require(BootClock.now() < deadline, "the store does not go on after a fault: \(error)")
                _ = Poll.wait([], until: BootClock.now() + .milliseconds(20))
            }
        }
    }

    private static func awaitHint(_ changes: Mailbox<Void>, _ what: String) throws {
        let ready = Poll.wait([changes.wakeDescriptor], until: BootClock.now() + .seconds(10))
        try require(!ready.isEmpty, "no hint within 10 s \(what)")
        _ = changes.drain()
    }
}

extension LeaseStoreError {
    fileprivate var isUnavailable: Bool { isDoubtful }
}
