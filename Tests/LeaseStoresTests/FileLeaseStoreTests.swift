import ClusterModel
import Glibc
import LeaseStores
import Platform
import TestSupport
import Testing

/// A record in a directory of its own.
private final class FileSubject: LeaseStoreSubject {
    private let root: TemporaryDirectory
    var path: String { root.file("demo.lease") }

    init() throws { root = try TemporaryDirectory() }

    func open() -> any LeaseStore { FileLeaseStore(path: path, cluster: LeaseStoreConformance.cluster) }
    func openForeign() -> any LeaseStore { FileLeaseStore(path: path, cluster: "another") }
    func deleteRecord() throws { try Files.removeTree(path) }

    func corruptRecord() throws {
        for name in try Files.list(path) { try Files.writeDurably("{\"format\":1,".utf8, to: "\(path)/\(name)") }
    }

    func keepCopy() throws { try copy(from: path, to: root.file("copy")) }

    func restoreCopy() throws {
        try Files.removeTree(path)
        try copy(from: root.file("copy"), to: path)
    }

    private func copy(from source: String, to target: String) throws {
        try Files.makeDirectory(target)
        for name in try Files.list(source) {
            try Files.writeDurably(try Files.read("\(source)/\(name)"), to: "\(target)/\(name)")
        }
    }
}

@Suite(.ownThread) struct FileLeaseStoreTests {
    @Test("does what every lease store must do", arguments: LeaseStoreConformance.allCases)
    func conforms(_ check: LeaseStoreConformance) throws {
        try check.run { try FileSubject() }
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
            return reason.contains("format 99") && reason.contains("up to 1") && reason.contains("1.json")
        }
        #expect(throws: LeaseStoreError.alreadyExists) { try subject.open().create(record(1)) }
    }

    @Test("a damaged record is reported with its file and the key")
    func damageIsLocated() throws {
        let subject = try FileSubject()
        try Files.makeDirectory(subject.path)
        let damaged = #"{"format":1,"cluster":"conformance","term":"six"}"#
        try Files.writeDurably(damaged.utf8, to: subject.path + "/1.json")
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
        let stalled = FileLeaseStore(path: subject.path, cluster: LeaseStoreConformance.cluster) {
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
        let stalled = FileLeaseStore(path: subject.path, cluster: LeaseStoreConformance.cluster) {
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
}

private func record(_ term: UInt64) -> ClusterRecord { LeaseStoreConformance.record(term: term) }
