import Glibc
import ObjectStorage
import Platform
import TestSupport
import Testing

@Suite(.ownThread)
struct DirectoryStoreTests {
    private let directory: TemporaryDirectory
    private let store: DirectoryStore

    init() throws {
        directory = try TemporaryDirectory()
        store = DirectoryStore(root: directory.path)
    }

    @Test("a directory does what every object store has to do")
    func conformance() async throws {
        try await ObjectStoreConformance(store: store).run()
    }

    @Test("nothing but objects is left when all uploads have ended")
    func noLeftovers() throws {
        #expect(try store.putIfAbsent("a/b", [1]) == .created)
        #expect(try store.putIfAbsent("a/b", [2]) == .different)
        let upload = try store.upload("a/c")
        upload.abort()
        #expect(try Files.list(directory.file(".incoming")).isEmpty)
    }

    @Test("an object whose creation was answered as if it had been there is still the own one")
    func lostAnswer() throws {
        // As NFS does it, when the answer to the first request was lost.
        func commit(_ key: ObjectKey, linking source: (String) -> String) throws -> CreateOutcome {
            let upload = try store.upload(key)
            let content: [UInt8] = [1]
            try upload.write(content.span.bytes)
            return try upload.commit {
                let incoming = directory.file(".incoming")
                let temporary = try #require(try Files.list(incoming).first)
                try Files.linkExclusively(source("\(incoming)/\(temporary)"), to: "\(directory.path)/\(key)")
            }
        }
        #expect(try commit("ours") { $0 } == .created)
        let other = directory.file("other")
        try Files.writeDurably([1], to: other)
        #expect(try commit("theirs") { _ in other } == .exists)
        #expect(try Files.list(directory.file(".incoming")).isEmpty)
    }

    @Test("a directory that is missing is never made, and never looks like an empty archive")
    func missingRoot() throws {
        let missing = DirectoryStore(root: directory.file("not mounted"))
        func unavailable(_ error: any Error) -> Bool { (error as? ObjectStoreError)?.kind == .unavailable }
        #expect { try missing.head("a") } throws: { unavailable($0) }
        #expect { try missing.read("a") } throws: { unavailable($0) }
        #expect { try missing.listAll("a/") } throws: { unavailable($0) }
        #expect { try missing.delete("a") } throws: { unavailable($0) }
        #expect { try missing.putIfAbsent("a", [1]) } throws: { unavailable($0) }
        #expect(!Files.exists(directory.file("not mounted")))
    }

    @Test("files with a dot in front are no objects")
    func hiddenFiles() throws {
        try Files.writeDurably([1], to: directory.file(".nfs0001"))
        #expect(try store.listAll("").objects.isEmpty)
    }

    @Test("what NFS leaves behind and what others put there are no objects, in any folder")
    func strangers() throws {
        #expect(try store.putIfAbsent("a/b/object", [1]) == .created)
        for name in ["a/.nfs000000000000001", "a/b/.nfs2", "a/b/.snapshot", ".lost"] {
            try Files.writeDurably([1], to: directory.file(name))
        }
        _ = try directory.directory("a/.snapshots")
        #expect(try store.listAll("", recursive: true).objects.map(\.key) == ["a/b/object"])
        #expect(try store.listAll("a/").folders == ["a/b/"])
    }

    @Test("where the mount went away, the empty directory below takes nothing", .enabled(if: getuid() == 0))
    func unmounted() async throws {
        let place = try directory.directory("mounted")
        let small = try await SmallFileSystem(at: place, size: "1m")
        let store = DirectoryStore(root: place)
        #expect(try store.putIfAbsent("first", [1]) == .created)
        try await small.unmount()
        #expect { try store.putIfAbsent("second", [2]) } throws: { error in
            (error as? ObjectStoreError)?.kind == .unavailable && "\(error)".contains("was it unmounted?")
        }
        #expect(try Files.list(place).isEmpty)
        // Another file system with an archive on it is as good as the first.
        let other = try await SmallFileSystem(at: place, size: "1m")
        _ = try directory.directory("mounted/.incoming")
        #expect(try store.putIfAbsent("second", [2]) == .created)
        try await other.unmount()
    }

    @Test("uploads that died are removed once they are old, and no earlier")
    func abandonedUploads() throws {
        let incoming = try directory.directory(".incoming")
        for name in ["old", "young"] { try Files.writeDurably([1], to: "\(incoming)/\(name)") }
        var times = [timeval(tv_sec: time(nil) - 90_000, tv_usec: 0), timeval(tv_sec: time(nil) - 90_000, tv_usec: 0)]
        #expect(utimes("\(incoming)/old", &times) == 0)
        #expect(try store.putIfAbsent("object", [1]) == .created)
        try store.removeAbandonedUploads(olderThan: .seconds(86_400))
        #expect(try Files.list(incoming) == ["young"])
        #expect(try store.head("object") != nil)
    }

    @Test("a full disk is told as such, and leaves neither object nor garbage", .enabled(if: getuid() == 0))
    func fullDisk() async throws {
        let small = try await SmallFileSystem(at: directory.directory("small"), size: "1m")
        let store = DirectoryStore(root: small.path)
        #expect(try store.putIfAbsent("first", [1]) == .created)
        let large = [UInt8](repeating: 7, count: 4 << 20)
        #expect { try store.putIfAbsent("large", large) } throws: { ($0 as? ObjectStoreError)?.kind == .full }
        #expect(try store.head("large") == nil)
        // A child that is just being spawned elsewhere in this process may hold the removed file for a moment.
        try await eventually("the space of the failed one is free again") {
            (try? store.putIfAbsent("second", [2])) == .created
        }
        try await small.unmount()
    }

    @Test("a read-only archive denies, and what is in it can still be read", .enabled(if: getuid() == 0))
    func readOnly() async throws {
        let small = try await SmallFileSystem(at: directory.directory("readonly"), size: "1m")
        let store = DirectoryStore(root: small.path)
        #expect(try store.putIfAbsent("first", [1]) == .created)
        try await small.remount("ro")
        #expect { try store.putIfAbsent("second", [2]) } throws: { ($0 as? ObjectStoreError)?.kind == .denied }
        #expect(try store.readAll("first") == [1])
        try await small.unmount()
    }
}
