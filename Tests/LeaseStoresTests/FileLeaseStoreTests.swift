import ClusterModel
import Glibc
import LeaseStores
import Platform
import Synchronization
import TestSupport
import Testing

/// A record in a directory of its own, below one that stands for the file system that it is on. Standing still is a
/// disk that hangs, losing a reply is one that fails after the place was claimed, and being disconnected is a file
/// system that is not mounted here, while others still have it.
private final class FileSubject: LeaseStoreSubject {
    private struct Faults {
        var delay = Duration.zero
        var isPaused = false
        var losesNextReply = false
    }

    let bound: Duration
    private let root: TemporaryDirectory
    private let faults = Mutex(Faults())
    private var mount: String { root.file("mount") }
    private var other: String { root.file("other") }
    var path: String { mount + "/demo.lease" }

    init(bound: Duration = .seconds(10)) throws {
        self.bound = bound
        root = try TemporaryDirectory()
        try Files.makeDirectory(mount)
        // Where others have it: a name of its own for wherever it is.
        guard symlink("mount", other) == 0 else { throw SystemError("symlink", path: other) }
    }

    func open() -> any LeaseStore { store(path) { (step) throws(SystemError) in try self.step(step) } }
    func openDirect() -> any LeaseStore {
        store(other + "/demo.lease") { _ in self.awaitEndOfPause() }
    }
    func openForeign() -> any LeaseStore { FileLeaseStore(path: path, cluster: "another") }

    private func store(_ path: String, onStep: @escaping FileLeaseStore.OnStep) -> FileLeaseStore {
        FileLeaseStore(path: path, cluster: LeaseStoreConformance.cluster, callTimeout: bound, onStep: onStep)
    }

    private func step(_ step: FileLeaseStore.Step) throws(SystemError) {
        switch step {
        case .begun: _ = Poll.wait([], until: BootClock.now() + faults.withLock { $0.delay })
        case .prepared: break
        case .claimed:
            let isLost = faults.withLock { faults in
                defer { faults.losesNextReply = false }
                return faults.losesNextReply
            }
            if isLost { throw SystemError("fsync", path: path, code: EIO) }
        }
        awaitEndOfPause()
    }

    private func awaitEndOfPause() {
        while faults.withLock({ $0.isPaused }) { usleep(2_000) }
    }

    func deleteRecord() throws { try Files.removeTree(path) }
    func corruptRecord() throws {
        for name in try Files.list(path) { try Files.writeDurably("{\"format\":1,".utf8, to: "\(path)/\(name)") }
    }
    func putNewerRecord(format: Int) throws {
        let newer = #"{"format":\#(format),"cluster":"conformance","holder":{"now":"an object"}}"#
        try Files.writeDurably(newer.utf8, to: "\(path)/99.json")
    }
    func keepCopy() throws { try copy(from: path, to: root.file("copy")) }
    func restoreCopy() throws {
        try Files.removeTree(path)
        try copy(from: root.file("copy"), to: path)
    }

    func loseNextReply() { faults.withLock { $0.losesNextReply = true } }
    func slow(by delay: Duration) { faults.withLock { $0.delay = delay } }
    func pause() { faults.withLock { $0.isPaused = true } }
    func resume() { faults.withLock { $0.isPaused = false } }

    func disconnect() throws {
        try Files.renameDurably(mount, to: root.file("away"))
        try point(to: "away")
    }

    func reconnect() throws {
        // Mounted anew, its directories are other ones than those that were watched.
        let fresh = root.file("fresh")
        try Files.makeDirectory(fresh)
        try copy(from: root.file("away/demo.lease"), to: fresh + "/demo.lease")
        try Files.renameDurably(fresh, to: mount)
        try point(to: "mount")
    }

    private func point(to target: String) throws {
        let next = root.file("other.new")
        guard symlink(target, next) == 0 else { throw SystemError("symlink", path: next) }
        try Files.renameDurably(next, to: other)
    }

    private func copy(from source: String, to target: String) throws {
        try Files.makeDirectory(target)
        for name in try Files.list(source) where !name.hasSuffix(".tmp") {
            try Files.writeDurably(try Files.read("\(source)/\(name)"), to: "\(target)/\(name)")
        }
    }
}

@Suite(.ownThread) struct FileLeaseStoreTests {
    @Test("does what every lease store must do", arguments: LeaseStoreConformance.allCases)
    func conforms(_ check: LeaseStoreConformance) throws {
        try check.run { try FileSubject(bound: check.bound) }
    }

    @Test("a directory above that is not there is not taken for an empty store")
    func missingMount() throws {
        let root = try TemporaryDirectory()
        let store = FileLeaseStore(path: root.file("not-mounted/demo.lease"), cluster: LeaseStoreConformance.cluster)
        #expect { try store.read() } throws: { "\($0)".contains("not-mounted") }
        #expect { try store.create(record(1)) } throws: {
            guard case LeaseStoreError.unavailable = $0 else { return false }
            return true
        }
        #expect(!Files.exists(root.file("not-mounted")))
    }

    @Test("a record of a newer format is refused with both numbers, and is not overwritten")
    func newerFormat() throws {
        let subject = try FileSubject()
        try Files.makeDirectory(subject.path)
        let newer = #"{"format":99,"cluster":"conformance","holder":{"now":"an object"}}"#
        try Files.writeDurably(newer.utf8, to: subject.path + "/1.json")
        #expect { try subject.open().read() } throws: { error in
            guard case LeaseStoreError.invalid(let reason) = error else { return false }
            return reason.contains("format 99") && reason.contains("up to \(ClusterRecord.currentFormat)")
                && reason.contains("1.json")
        }
        #expect(throws: LeaseStoreError.alreadyExists) { try subject.open().create(record(1)) }
    }

    @Test("a damaged record is reported with its file and the key")
    func damageIsLocated() throws {
        let subject = try FileSubject()
        _ = try subject.open().create(record(6))
        let whole = try Files.readText(subject.path + "/1.json")
        let parts = whole.split(separator: "\"term\":6", maxSplits: 1)
        try #require(parts.count == 2, "\(whole)")
        try Files.writeDurably((parts[0] + "\"term\":\"six\"" + parts[1]).utf8, to: subject.path + "/1.json")
        #expect { try subject.open().read() } throws: { error in
            "\(error)".contains("1.json") && "\(error)".contains("'term'")
        }
    }

    @Test("a writer that died half-way is no obstacle, and its leftovers go")
    func leftovers() throws {
        let subject = try FileSubject()
        let store = subject.open()
        var version = try store.create(record(1))
        try Files.writeDurably("{".utf8, to: subject.path + "/.2.dead.tmp")
        try Files.writeDurably("{".utf8, to: subject.path + "/.1.dead.tmp")
        for term in 2...50 { version = try store.replace(record(UInt64(term)), at: version) }
        #expect(try store.read()?.record.term == 50)
        let names = try Files.list(subject.path)
        #expect(names.count == Int(FileLeaseStore.generationsKept), "\(names)")
        #expect(!names.contains { $0.hasSuffix(".tmp") }, "\(names)")
    }

    @Test("names that are not ours are neither read nor removed")
    func foreignNames() throws {
        let subject = try FileSubject()
        let store = subject.open()
        var version = try store.create(record(1))
        let foreign = ["notes.txt", "007.json", "99.json.bak", "-3.json", "99999999999999999999999.json", ".hidden"]
        for name in foreign { try Files.writeDurably("x".utf8, to: "\(subject.path)/\(name)") }
        for term in 2...8 { version = try store.replace(record(UInt64(term)), at: version) }
        #expect(try store.read()?.record.term == 8)
        #expect(Set(foreign).isSubset(of: try Files.list(subject.path)))
    }

    @Test("a full or read-only place leaves the record as it was")
    func unwritable() throws {
        // Root may write anywhere but to a file system that is read-only; /proc refuses everybody.
        let store = FileLeaseStore(path: "/proc/pgmahout.lease", cluster: LeaseStoreConformance.cluster)
        #expect(try store.read() == nil)
        #expect { try store.create(record(1)) } throws: {
            guard case LeaseStoreError.unavailable(let reason) = $0 else { return false }
            return reason.contains("/proc/pgmahout.lease")
        }
    }

    @Test("a file where the directory belongs is reported, not replaced")
    func fileInTheWay() throws {
        let subject = try FileSubject()
        try Files.writeDurably("precious".utf8, to: subject.path)
        #expect(throws: LeaseStoreError.self) { try subject.open().read() }
        #expect(throws: LeaseStoreError.self) { try subject.open().create(record(1)) }
        #expect(try Files.readText(subject.path) == "precious")
    }

    @Test("a writer that stands still before its claim holds up nobody, and comes too late", arguments: [1, 3, 100])
    func stalledWriter(_ changes: Int) throws {
        let subject = try FileSubject()
        let others = subject.open()
        let seen = try others.create(record(1))
        let stalled = FileLeaseStore(
            path: subject.path, cluster: LeaseStoreConformance.cluster, callTimeout: .seconds(30)
        ) { step in
            guard step == .prepared else { return }
            // What a process that is stopped here for a while finds when it goes on.
            var version = seen
            for change in 1...changes {
                do { version = try others.replace(record(UInt64(100 + change)), at: version) } catch {
                    Issue.record("the others are held up: \(error)")
                }
            }
        }
        #expect(throws: LeaseStoreError.conflict) { try stalled.replace(record(2), at: seen) }
        let current = try #require(try others.read())
        #expect(current.record.term == UInt64(100 + changes))
        _ = try others.replace(record(3), at: current.version)
        #expect(try others.read()?.record.term == 3)
    }

    @Test("a writer that stands still while the record is removed and made anew comes too late")
    func stalledAcrossRemoval() throws {
        let subject = try FileSubject()
        let others = subject.open()
        var seen = try others.create(record(1))
        seen = try others.replace(record(2), at: seen)
        let stalled = FileLeaseStore(
            path: subject.path, cluster: LeaseStoreConformance.cluster, callTimeout: .seconds(30)
        ) { step in
            guard step == .prepared else { return }
            do {
                for name in try Files.list(subject.path) where name.hasSuffix(".json") {
                    try Files.remove("\(subject.path)/\(name)")
                }
                _ = try others.create(record(7))
            } catch { Issue.record("\(error)") }
        }
        #expect(throws: LeaseStoreError.conflict) { try stalled.replace(record(3), at: seen) }
        #expect(try others.read()?.record.term == 7)
    }

    @Test("a call that nobody waits for any more is not begun, and one that hangs holds up no caller for ever")
    func hungDisk() throws {
        let subject = try FileSubject(bound: .seconds(1))
        let store = subject.open()
        let version = try store.create(record(1))
        subject.pause()
        // The first one hangs, and the second one waits for it.
        #expect { try store.read() } throws: { "\($0)".contains("has not answered within") }
        #expect(throws: LeaseStoreError.self) { try store.replace(record(2), at: version) }
        subject.resume()
        try eventuallyBlocking("the store answers again") { (try? store.read()) != nil }
        #expect(try store.read()?.version == version, "a write was begun that its caller had given up")
    }
}

private func record(_ term: UInt64) -> ClusterRecord { LeaseStoreConformance.record(term: term) }
