import ClusterModel
import LeaseStores
import Platform
import Synchronization

extension LeaseStoreConformance {
    static func checkEmpty(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        try require(store.read() == nil, "an empty store has a record")
        try expect(.notFound, "replace in an empty store") {
            _ = try store.replace(record(term: 1), at: RecordVersion("1"))
        }
        try require(store.read() == nil, "a refused replace made a record")
    }

    static func checkRoundTrip(_ subject: any LeaseStoreSubject) throws {
        let (writer, reader) = (try subject.open(), try subject.open())
        var record = record(term: 7, renewal: "stamp \"with\" /\\ 🐘\n")
        record.holder = Incarnation(name: "pg-1", podUID: "uid", bootID: "boot")
        record.systemIdentifier = SystemIdentifier(rawValue: .max)
        record.timeline = TimelineID(3)
        record.timelineStart = LSN(rawValue: 0x16_B374_D848)
        record.flushed = LSN(rawValue: .max)
        record.members["pg-1"] = Member(
            name: "pg-1", incarnation: Incarnation(name: "pg-1", podUID: "", bootID: "b"), api: "http://h:1",
            postgresHost: "::1", postgresPort: 5432)
        record.intent.switchover = SwitchoverRequest(id: "s", from: "pg-1", to: nil, deadlineMilliseconds: 9)
        record.lastTransition = Transition(
            id: "t", kind: .crashRestart, from: nil, to: "pg-1", term: 7, succeeded: true, reason: "because")

        let version = try writer.create(record)
        let created = try require(reader.read(), "a created record is not there")
        try require(created.record == record, "read \(created.record) instead of \(record)")
        try require(created.version == version, "create and read name different versions")

        record.term = 8
        let next = try writer.replace(record, at: version)
        let replaced = try require(reader.read(), "a replaced record is not there")
        try require(replaced.record == record && replaced.version == next, "a replaced record is read as another")
        try require(next != version, "a replacement has the version of what it replaced")
        try require(reader.read()?.version == next, "reading changes the version")
    }

    static func checkCreateRace(_ subject: any LeaseStoreSubject) throws {
        for _ in 0..<subject.rounds {
            let stores = try (0..<8).map { _ in try subject.open() }
            let created = try inParallel(8) { index -> UInt64? in
                do {
                    _ = try stores[index].create(record(term: UInt64(index)))
                    return UInt64(index)
                } catch LeaseStoreError.alreadyExists { return nil }
            }.compactMap(\.self)
            try require(created.count == 1, "\(created.count) creators succeeded")
            let term = try stores[0].read()?.record.term
            try require(term == created.first, "the record is not the winner's")
            try subject.deleteRecord()
        }
    }

    static func checkCreateOnce(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        let version = try store.create(record(term: 1))
        try expect(.alreadyExists, "a second create") { _ = try subject.open().create(record(term: 2)) }
        try require(store.read()?.version == version, "a refused create changed the version")
    }

    static func checkStaleVersions(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        var versions = [try store.create(record(term: 0))]
        for term in 1...12 {
            guard let last = versions.last else { continue }
            versions.append(try store.replace(record(term: UInt64(term)), at: last))
        }
        try require(Set(versions).count == versions.count, "a version came back: \(versions)")
        for version in versions.dropLast() {
            try expect(.conflict, "replace at \(version) while \(versions.last?.text ?? "") is current") {
                _ = try store.replace(record(term: 99), at: version)
            }
        }
        try expect(.conflict, "replace at a version that never was") {
            _ = try store.replace(record(term: 99), at: RecordVersion("never"))
        }
        try require(store.read()?.record.term == 12, "a refused replace wrote")
    }

    static func checkSameContent(_ subject: any LeaseStoreSubject) throws {
        let (store, other) = (try subject.open(), try subject.open())
        let first = try store.create(record(term: 1, renewal: "same"))
        try require(other.read()?.version == first, "two members read different records")
        let second = try store.replace(record(term: 2), at: first)
        let third = try store.replace(record(term: 1, renewal: "same"), at: second)
        // It has not looked since.
        try expect(.conflict, "replace at a version whose content came back") {
            _ = try other.replace(record(term: 9), at: first)
        }
        try require(store.read()?.version == third, "an old version was accepted")
    }

    static func checkReplaceRace(_ subject: any LeaseStoreSubject) throws {
        var version = try subject.open().create(record(term: 0))
        for round in 1...subject.rounds {
            let stores = try (0..<8).map { _ in try subject.open() }
            let base = version
            let won = try inParallel(8) { index -> RecordVersion? in
                do {
                    return try stores[index].replace(record(term: UInt64(round), renewal: "\(index)"), at: base)
                } catch LeaseStoreError.conflict { return nil }
            }
            let winners = won.indices.filter { won[$0] != nil }
            try require(winners.count == 1, "\(winners.count) writers replaced the same version")
            let current = try require(stores[0].read(), "the record vanished")
            try require(current.record.renewal == "\(winners[0])", "the record is not the winner's")
            try require(current.version == won[winners[0]], "the winner was told another version")
            version = current.version
        }
    }

    static func checkCounting(_ subject: any LeaseStoreSubject) throws {
        _ = try subject.open().create(record(term: 0))
        let (writers, rounds) = (6, subject.rounds)
        _ = try inParallel(writers) { _ in
            let store = try subject.open()
            var done = 0
            while done < rounds {
                var (next, version) = try require(store.read(), "the record vanished")
                next.term += 1
                do {
                    _ = try store.replace(next, at: version)
                    done += 1
                } catch LeaseStoreError.conflict {}
            }
        }
        let term = try subject.open().read()?.record.term
        try require(term == UInt64(writers * rounds), "\(writers * rounds) updates made \(term ?? 0)")
    }

    static func checkMonotonicReads(_ subject: any LeaseStoreSubject) throws {
        var version = try subject.open().create(record(term: 0))
        let writing = Mutex(true)
        let watching = Mutex(0)
        let store = try subject.open()
        _ = try inParallel(5) { index in
            guard index > 0 else {
                defer { writing.withLock { $0 = false } }
                var last = try require(store.read(), "the record vanished").version
                // Readers first: on few cores the writer might be done before one starts.
                let deadline = BootClock.now() + .seconds(30)
                while watching.withLock({ $0 }) < 4, BootClock.now() < deadline {
                    _ = Poll.wait([], until: BootClock.now() + .milliseconds(1))
                }
                for term in 1...(subject.rounds * 10) { last = try store.replace(record(term: UInt64(term)), at: last) }
                return
            }
            let reader = try subject.open()
            var highest: UInt64 = 0
            watching.withLock { $0 += 1 }
            repeat {
                let term = try require(reader.read(), "the record vanished for a moment").record.term
                try require(term >= highest, "a reader saw \(term) after \(highest)")
                highest = term
                // Room for the writer, on few cores.
                _ = Poll.wait([], until: BootClock.now() + .milliseconds(1))
            } while writing.withLock { $0 }
        }
        version = try require(store.read(), "the record vanished").version
        _ = try store.replace(record(term: 999), at: version)
    }

    static func checkDeletion(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        var old = try store.create(record(term: 1))
        old = try store.replace(record(term: 2), at: old)
        try subject.deleteRecord()
        try require(store.read() == nil, "a deleted record is still read")
        try expect(.notFound, "replace of a deleted record") { _ = try store.replace(record(term: 3), at: old) }
        var version = try store.create(record(term: 4))
        version = try store.replace(record(term: 5), at: version)
        try require(version != old, "a record made anew has an old version")
        try expect(.conflict, "replace at a version from before the deletion") {
            _ = try store.replace(record(term: 6), at: old)
        }
        try require(store.read()?.record.term == 5, "an old version was accepted")
    }

    static func checkRestoredCopy(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        var known = [try store.create(record(term: 1))]
        try subject.keepCopy()
        for term in 2...3 {
            guard let last = known.last else { continue }
            known.append(try store.replace(record(term: UInt64(term)), at: last))
        }
        try subject.restoreCopy()
        let restored = try require(store.read(), "a restored record is not read")
        try require(restored.record.term == 1, "read term \(restored.record.term) after restoring 1")
        try require(!known.contains(restored.version), "a restored record has a version from before")
        for version in known {
            try expect(.conflict, "replace at \(version) after a restore") {
                _ = try store.replace(record(term: 9), at: version)
            }
        }
        _ = try store.replace(record(term: 10), at: restored.version)
        try require(store.read()?.record.term == 10, "a restored record cannot be replaced")
    }

    static func checkCorruption(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        _ = try store.create(record(term: 1))
        try subject.corruptRecord()
        let reason = try expectInvalid("read of a damaged record") { _ = try store.read() }
        try require(!reason.isEmpty, "nothing says what is wrong")
        do {
            _ = try store.create(record(term: 2))
            throw Violation(description: "a damaged record was overwritten by create")
        } catch is LeaseStoreError {}
        _ = try expectInvalid("read after a refused create") { _ = try store.read() }
        try subject.deleteRecord()
        _ = try store.create(record(term: 3))
        try require(store.read()?.record.term == 3, "the store does not work after a repair")
    }

    static func checkForeign(_ subject: any LeaseStoreSubject) throws {
        let store = try subject.open()
        let version = try store.create(record(term: 1))
        let foreign = try subject.openForeign()
        let reason = try expectInvalid("read by another cluster") { _ = try foreign.read() }
        try require(reason.contains(cluster), "the message does not name the cluster: \(reason)")
        _ = try expectInvalid("replace by another cluster") { _ = try foreign.replace(record(term: 2), at: version) }
        try require(store.read()?.version == version, "another cluster changed the record")
    }

    static func checkWatch(_ subject: any LeaseStoreSubject) throws {
        let (writer, reader) = (try subject.open(), try subject.open())
        let changes = try Mailbox<Void>(capacity: 1000)
        let watch = try reader.watch { changes.post(()) }
        var version = try writer.create(record(term: 1))
        for term in 2...4 {
            let ready = Poll.wait([changes.wakeDescriptor], until: BootClock.now() + .seconds(10))
            try require(!ready.isEmpty, "no call within 10 s of a change")
            _ = changes.drain()
            version = try writer.replace(record(term: UInt64(term)), at: version)
        }
        watch.stop()
        // A call that had begun may still arrive, and a change before it may be reported late; then it is quiet.
        _ = Poll.wait([], until: BootClock.now() + .milliseconds(100))
        _ = changes.drain()
        _ = try writer.replace(record(term: 5), at: version)
        let ready = Poll.wait([changes.wakeDescriptor], until: BootClock.now() + .milliseconds(300))
        try require(ready.isEmpty, "a watcher is called after it stopped")
    }
}
