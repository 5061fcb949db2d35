import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import TestSupport
import Testing

@testable import Archive

@Suite(.ownThread)
struct WALPushTests {
    private let directory: TemporaryDirectory
    private let wal: WALDirectory
    private let store: DirectoryStore
    private let layout = ArchiveLayout(server: "demo")
    private let gate = LeaseGate()

    init() throws {
        directory = try TemporaryDirectory()
        wal = try WALDirectory()
        store = DirectoryStore(root: directory.path)
        gate.feed(deadline: .max)
    }

    private var pushing: WALPush { WALPush(store: store, layout: layout, codec: GzipCodec(), gate: gate) }
    private var fetching: WALFetch { WALFetch(store: store, layout: layout) }

    @discardableResult
    private func push(_ name: String, _ content: [UInt8]) throws -> WALPush.Success {
        try wal.add(name, content)
        return try pushing.push(
            try #require(WALFileName(ofAnySize: name)), from: wal.file(name), of: SegmentFile.system)
    }

    private func fetch(_ name: String) throws -> [UInt8]? {
        let target = directory.file("fetched")
        let name = try #require(WALFileName(ofAnySize: name))
        guard try fetching.fetch(WALFetch.Request(name: name, path: target), of: SegmentFile.system) else { return nil }
        return try Files.read(target)
    }

    private func kind(_ kind: ArchiveError.Kind, _ word: String = "") -> (any Error) -> Bool {
        { ($0 as? ArchiveError)?.kind == kind && "\($0)".contains(word) }
    }

    @Test("a segment comes back as it was, and pushing it again is a success")
    func roundTrip() throws {
        let segment = SegmentFile.segment(5)
        let content = SegmentFile.content(segment)
        try push("\(segment)", content)
        #expect(try fetch("\(segment)") == content)
        let key = layout.wal(.segment(segment), suffix: ".gz")
        let first = try store.readAll(key)
        try push("\(segment)", content)
        #expect(try store.readAll(key) == first)
        // At another level it is still the same content.
        let other = WALPush(store: store, layout: layout, codec: GzipCodec(level: 9), gate: gate)
        _ = try other.push(.segment(segment), from: wal.file("\(segment)"), of: SegmentFile.system)
        #expect(try store.readAll(key) == first)
    }

    @Test("another content under the same name is refused and the archive left as it is")
    func different() throws {
        let segment = SegmentFile.segment(5)
        try push("\(segment)", SegmentFile.content(segment, fill: 1))
        let key = layout.wal(.segment(segment), suffix: ".gz")
        let first = try store.readAll(key)
        let refused = kind(.refused, "another \(segment)")
        #expect { try push("\(segment)", SegmentFile.content(segment, fill: 2)) } throws: { refused($0) }
        #expect(try store.readAll(key) == first)
        try push("00000002.history", Array("1\t0/3000060\tno recovery target\n".utf8))
        let refusedHistory = kind(.refused)
        #expect { try push("00000002.history", Array("1\t0/4000060\tno recovery target\n".utf8)) } throws: {
            refusedHistory($0)
        }
    }

    @Test("a damaged object under the name is neither taken for equal nor overwritten")
    func damagedObject() throws {
        let segment = SegmentFile.segment(5)
        let content = SegmentFile.content(segment)
        try push("\(segment)", content)
        let file = directory.file("demo/wals/\("\(segment)".prefix(16))/\(segment).gz")
        let whole = try Files.read(file)
        for damaged in [Array(whole.prefix(whole.count / 2)), [], Array("junk".utf8)] {
            try Files.writeDurably(damaged, to: file)
            let refused = kind(.refused, "cannot be read")
            #expect { try push("\(segment)", content) } throws: { refused($0) }
            #expect(try Files.read(file) == damaged)
            let damagedError = kind(.refused, "damaged")
            #expect { try fetch("\(segment)") } throws: { damagedError($0) }
        }
    }

    @Test("files that are not what their name says are refused before anything is written")
    func mismatches() throws {
        let segment = SegmentFile.segment(5)
        let content = SegmentFile.content(segment)
        let wrong: [(name: String, content: [UInt8], word: String)] = [
            (
                "\(segment)", SegmentFile.content(segment, system: SystemIdentifier(rawValue: 42)),
                "belongs to the system 42"
            ),
            ("\(segment)", SegmentFile.content(SegmentFile.segment(6)), "begins at"),
            ("\(segment)", SegmentFile.content(SegmentFile.segment(5, timeline: 3)), "timeline 3"),
            ("\(segment)", SegmentFile.content(segment, magic: 0x1234), "WAL page header"),
            ("\(segment)", Array(content.dropLast(1)), "bytes"), ("\(segment)", Array(content.prefix(20)), "shorter"),
            ("\(segment)", [], "shorter"), ("\(segment).partial", Array("text".utf8), "shorter"),
            ("00000002.history", [UInt8](repeating: 65, count: 2 << 20), "no such file"),
        ]
        for (name, content, word) in wrong {
            let refused = kind(.refused, word)
            #expect { try push(name, content) } throws: { refused($0) }
        }
        #expect(try store.listAll("demo/", recursive: true).objects.isEmpty)
    }

    @Test("the first segment of a new timeline may begin with a page of the old one")
    func newTimeline() throws {
        let name = SegmentFile.segment(5, timeline: 2)
        try push("\(name)", SegmentFile.content(SegmentFile.segment(5, timeline: 1)))
    }

    @Test("a second version of a .partial or .backup file is kept beside the first, with a word about it")
    func variants() throws {
        let segment = SegmentFile.segment(5)
        let name = "\(segment).partial"
        #expect(try push(name, SegmentFile.content(segment, fill: 1)).note == nil)
        let key = layout.wal(.partial(segment), suffix: ".gz")
        let first = try store.readAll(key)
        for fill in [UInt8(2), 3, 2] { #expect(try push(name, SegmentFile.content(segment, fill: fill)).note != nil) }
        #expect(try store.readAll(key) == first)
        #expect(try store.listAll("demo/pgmahout/variants/").objects.count == 2)
    }

    @Test("without a lease nothing is pushed, and a lease that ends meanwhile stops it before it is visible")
    func lease() throws {
        let segment = SegmentFile.segment(5)
        let noLease = kind(.noLease)
        gate.feed(deadline: 0)
        #expect { try push("\(segment)", SegmentFile.content(segment)) } throws: { noLease($0) }
        gate.feed(deadline: BootClock.now().nanoseconds + 1_000_000_000)
        try wal.add("\(segment)", SegmentFile.content(segment))
        // The codec takes longer than the lease lasts.
        let slow = WALPush(store: store, layout: layout, codec: LeaseEndingCodec(gate: gate), gate: gate)
        #expect { try slow.push(.segment(segment), from: wal.file("\(segment)"), of: SegmentFile.system) } throws: {
            noLease($0)
        }
        #expect(try store.listAll("demo/", recursive: true).objects.isEmpty)
        #expect(try Files.list(directory.file(".incoming")).isEmpty)
    }

    @Test("an archive belongs to the first system that pushes, and to no other")
    func owner() throws {
        let mine = SegmentFile.system
        let theirs = SystemIdentifier(rawValue: 42)
        try ArchiveOwner.claim(store, layout, for: mine) {}
        try ArchiveOwner.claim(store, layout, for: mine) {}
        let refused = kind(.refused, "belongs to the system \(mine)")
        #expect { try ArchiveOwner.claim(store, layout, for: theirs) {} } throws: { refused($0) }
        // One that Barman has filled has no owner object, but backups.
        let barman = ArchiveLayout(server: "barman")
        let info = BackupInfoTests.sample.replacing("\(mine)", with: "43")
        #expect(try store.putIfAbsent(barman.backupInfo("20260102T030405"), Array(info.utf8)) == .created)
        let foreign = kind(.refused, "belongs to the system 43")
        #expect { try ArchiveOwner.claim(store, barman, for: mine) {} } throws: { foreign($0) }
    }

    @Test("absence is confirmed only by an archive that is there")
    func absence() throws {
        let segment = SegmentFile.segment(5)
        let unavailable = kind(.unavailable)
        // An empty mount point.
        #expect { try fetch("\(segment)") } throws: { unavailable($0) }
        try push("\(segment)", SegmentFile.content(segment))
        #expect(try fetch("\(SegmentFile.segment(6))") == nil)
        #expect(try fetch("00000002.history") == nil)
        #expect(!Files.exists(directory.file("fetched")))
        let missing = WALFetch(store: DirectoryStore(root: directory.file("missing")), layout: layout)
        #expect {
            try missing.fetch(WALFetch.Request(name: .segment(segment), path: directory.file("x")), of: nil)
        } throws: { unavailable($0) }
    }

    @Test("a file that nobody waits for any more does not turn up")
    func abandoned() throws {
        let segment = SegmentFile.segment(5)
        try push("\(segment)", SegmentFile.content(segment))
        let request = WALFetch.Request(name: .segment(segment), path: directory.file("fetched"))
        request.abandon()
        let unavailable = kind(.unavailable)
        #expect { try fetching.fetch(request, of: nil) } throws: { unavailable($0) }
        #expect(try Files.list(directory.path).allSatisfy { !$0.hasPrefix("fetched") })
    }

    @Test("a .partial file is never served for the whole, and what only Barman can read is not absent")
    func lookAlikes() throws {
        let segment = SegmentFile.segment(5)
        try push("\(segment).partial", SegmentFile.content(segment))
        #expect(try fetch("\(segment)") == nil)
        #expect(try fetch("\(segment).partial") != nil)
        #expect(try store.putIfAbsent(layout.wal(.segment(segment), suffix: ".bz2"), [1]) == .created)
        let refused = kind(.refused, ".bz2")
        #expect { try fetch("\(segment)") } throws: { refused($0) }
    }

    @Test("uncompressed WAL is served, and WAL of another system or of the wrong size is not")
    func foreignContent() throws {
        let segment = SegmentFile.segment(5)
        let content = SegmentFile.content(segment)
        func put(_ bytes: [UInt8]) throws {
            let key = layout.wal(.segment(segment), suffix: "")
            try store.delete(key)
            #expect(try store.putIfAbsent(key, bytes) == .created)
        }
        try push("00000002.history", Array("1\t0/1\tx\n".utf8))
        try put(content)
        #expect(try fetch("\(segment)") == content)
        for wrong in [
            Array(content.dropLast(1)), SegmentFile.content(segment, system: SystemIdentifier(rawValue: 42)), [1],
        ] {
            try put(wrong)
            try Files.remove(directory.file("fetched"))
            let refused = kind(.refused)
            #expect { try fetch("\(segment)") } throws: { refused($0) }
            #expect(try Files.list(directory.path).allSatisfy { !$0.hasPrefix("fetched") })
        }
    }
}

/// Ends the lease while it compresses.
private struct LeaseEndingCodec: Codec {
    let gate: LeaseGate
    var suffix: String { ".gz" }

    func makeEncoder() throws(CompressionError) -> any StreamEncoder {
        gate.feed(deadline: 1)
        return try GzipCodec().makeEncoder()
    }

    func makeDecoder() throws(CompressionError) -> any StreamDecoder { try GzipCodec().makeDecoder() }
}
