import ClusterModel
import Compression
import Glibc
import ObjectStorage
import Platform
import TestSupport
import Testing

@testable import Archive

/// What restore_command is answered.
@Suite(.ownThread)
struct ReplayTests {
    private let directory: TemporaryDirectory
    private let wal: WALDirectory
    private let store: DirectoryStore
    private let layout = ArchiveLayout(server: "demo")
    private let gate = LeaseGate()

    init() throws {
        directory = try TemporaryDirectory()
        wal = try WALDirectory()
        store = DirectoryStore(root: try directory.directory("archive"))
        gate.feed(deadline: .max)
    }

    private func replay(tail: Bool = false) throws -> Replay {
        var settings = ArchiveSettings(
            location: .directory(store.root), server: "demo", dataDirectory: wal.path,
            socketPath: directory.file("a.sock"), systemIdentifier: SegmentFile.system)
        settings.servesTail = tail
        return try Replay(settings, store: store, segmentSize: UInt64(SegmentFile.size))
    }

    private func push(_ segments: [WALSegment]) throws {
        let pushing = WALPush(store: store, layout: layout, codec: GzipCodec(), gate: gate)
        for segment in segments {
            let path = directory.file("\(segment)")
            try Files.writeDurably(SegmentFile.content(segment), to: path)
            _ = try pushing.push(.segment(segment), from: path, of: SegmentFile.system)
        }
    }

    private func pushHistory(_ timeline: UInt32, _ text: String) throws {
        let path = directory.file("history")
        try Files.writeDurably(Array(text.utf8), to: path)
        let pushing = WALPush(store: store, layout: layout, codec: GzipCodec(), gate: gate)
        _ = try pushing.push(.history(TimelineID(timeline)), from: path, of: SegmentFile.system)
    }

    private func ask(_ replay: Replay, _ segment: WALSegment, as name: String = "RECOVERYXLOG") -> (
        ArchiverReply, Replay.Note?
    ) {
        let name = wal.file(name)
        return replay.answer(WALFetch.Request(name: .segment(segment), path: name), of: SegmentFile.system)
    }

    private var spool: String { wal.path + ".pgmahout-wal" }

    @Test("what comes next lies ready before it is asked for, in bounded room, and nothing of it stays")
    func ahead() throws {
        let segments = (1...40).map { SegmentFile.segment($0) }
        try push(segments)
        let replay = try replay()
        var prefetched = 0
        for segment in segments {
            let (reply, note) = ask(replay, segment)
            #expect(reply == .done)
            #expect(try Files.read(wal.file("RECOVERYXLOG")) == SegmentFile.content(segment))
            if case .prefetched = note { prefetched += 1 }
            let waiting = (try? Files.list(spool))?.filter { !$0.hasSuffix(".tmp") }.count ?? 0
            #expect(waiting <= 17)
        }
        #expect(prefetched >= 38, "only \(prefetched) of 40")
        #expect(ask(replay, SegmentFile.segment(41)).0 == .absent)
        replay.stop()
        #expect(!Files.exists(spool))
    }

    @Test("pg_rewind and people, who ask for files by their names, make nothing be fetched ahead")
    func rewind() throws {
        let segments = (1...4).map { SegmentFile.segment($0) }
        try push(segments)
        let replay = try replay()
        for segment in segments {
            let (reply, note) = ask(replay, segment, as: "\(segment)")
            #expect(reply == .done)
            #expect(note == nil)
        }
        #expect(!Files.exists(spool))
        replay.stop()
    }

    @Test("what an earlier run has left in the spool is removed, not used")
    func leftovers() throws {
        let segment = SegmentFile.segment(1)
        try push([segment])
        _ = try Files.makeDirectory(spool)
        try Files.writeDurably(Array("old".utf8), to: spool + "/\(segment)")
        let replay = try replay()
        replay.removeLeftovers()
        #expect(!Files.exists(spool))
        #expect(ask(replay, segment).0 == .done)
        #expect(try Files.read(wal.file("RECOVERYXLOG")) == SegmentFile.content(segment))
        replay.stop()
    }

    @Test("WAL of an older timeline is given up to the segment in which it was left, and not behind it")
    func forks() throws {
        try push((1...6).map { SegmentFile.segment($0) })
        let replay = try replay()
        // In segment 3.
        try Files.writeDurably(
            Array("1\t0/350000\tno recovery target specified\n".utf8), to: wal.file("00000002.history"))
        #expect(ask(replay, SegmentFile.segment(3)).0 == .done)
        let (reply, note) = ask(replay, SegmentFile.segment(4))
        #expect(reply == .absent)
        guard case .leftBehind(let text)? = note else {
            Issue.record("no word about it: \(String(describing: note))")
            return
        }
        #expect(text.contains("where timeline 1 was left"))
        replay.stop()
    }

    @Test("a standby heeds the histories in the archive as well; a recovery to an older timeline does not")
    func archivedForks() throws {
        try push((1...6).map { SegmentFile.segment($0) })
        try pushHistory(2, "1\t0/350000\tno recovery target specified\n")
        let recovery = try replay()
        #expect(ask(recovery, SegmentFile.segment(4)).0 == .done)
        recovery.stop()
        try Files.writeDurably([UInt8](), to: wal.path + "/standby.signal")
        let standby = try replay()
        #expect(ask(standby, SegmentFile.segment(3)).0 == .done)
        #expect(ask(standby, SegmentFile.segment(4)).0 == .absent)
        standby.stop()
    }

    @Test("an archive that is not there is no absence")
    func unreachable() throws {
        try push([SegmentFile.segment(1)])
        let replay = try replay()
        try Files.renameDurably(store.root, to: store.root + ".away")
        guard case .failed(let error) = ask(replay, SegmentFile.segment(2)).0 else {
            Issue.record("it was answered")
            return
        }
        #expect(error.kind == .unavailable)
        replay.stop()
    }

    // MARK: The tail

    private func ship(_ pieces: [(start: UInt64, end: UInt64)], run: UInt64, of segment: WALSegment) throws {
        let content = SegmentFile.content(segment)
        for (start, end) in pieces {
            let piece = TailPiece(
                timeline: segment.timeline, run: run, start: LSN(rawValue: segment.start.rawValue + start),
                end: LSN(rawValue: segment.start.rawValue + end))
            let upload = try store.upload(piece.key(in: layout))
            let encoder = try GzipCodec().makeEncoder()
            let bytes = Array(content[Int(start)..<Int(end)])
            try encoder.write(bytes.span.bytes) { try upload.write($0) }
            try encoder.finish { try upload.write($0) }
            #expect(try upload.commit {} == .created)
        }
    }

    @Test("behind the last whole segment comes what was shipped without a gap, and zeros")
    func tail() throws {
        let (whole, open) = (SegmentFile.segment(1), SegmentFile.segment(2))
        try push([whole])
        try ship([(0, 8192), (8192, 50_000), (60_000, 70_000)], run: 7, of: open)
        // Of a run before, which got less far.
        try ship([(0, 9000)], run: 6, of: open)
        let replay = try replay(tail: true)
        #expect(ask(replay, whole).0 == .done)
        let (reply, note) = ask(replay, open)
        #expect(reply == .done)
        guard case .fromTail? = note else {
            Issue.record("it does not say where it is from")
            return
        }
        let expected =
            Array(SegmentFile.content(open).prefix(50_000)) + [UInt8](repeating: 0, count: (1 << 20) - 50_000)
        #expect(try Files.read(wal.file("RECOVERYXLOG")) == expected)
        #expect(ask(replay, SegmentFile.segment(3)).0 == .absent)
        replay.stop()
        let usual = try self.replay()
        #expect(ask(usual, open).0 == .absent, "the tail was served although nobody asked for it")
        usual.stop()
    }

    @Test("of a timeline that was left, the tail ends where the next one begins")
    func tailOfOldTimeline() throws {
        let open = SegmentFile.segment(2)
        try push([SegmentFile.segment(1)])
        try ship([(0, 80_000)], run: 7, of: open)
        try Files.writeDurably(
            Array("1\t0/20A000\tno recovery target specified\n".utf8), to: wal.file("00000002.history"))
        let replay = try replay(tail: true)
        #expect(ask(replay, open).0 == .done)
        let found = try Files.read(wal.file("RECOVERYXLOG"))
        #expect(Array(found.prefix(0xA000)) == Array(SegmentFile.content(open).prefix(0xA000)))
        #expect(found[0xA000...].allSatisfy { $0 == 0 })
        replay.stop()
    }

    @Test("a damaged piece is an error, not the end of the WAL")
    func damagedTail() throws {
        let open = SegmentFile.segment(2)
        try push([SegmentFile.segment(1)])
        try ship([(0, 80_000)], run: 7, of: open)
        let key = try #require(try TailArchive(store: store, layout: layout).pieces(of: TimelineID(1)).first)
            .key(in: layout)
        let path = "\(store.root)/\(key)"
        try Files.writeDurably(Array(try Files.read(path).dropLast(20)), to: path)
        let replay = try replay(tail: true)
        guard case .failed(let error) = ask(replay, open).0 else {
            Issue.record("it was served")
            return
        }
        #expect(error.kind == .refused)
        replay.stop()
    }
}

struct TailPieceTests {
    private let segment = WALSegment(timeline: TimelineID(1), number: 2, size: 1 << 20)

    private func piece(_ run: UInt64, _ start: UInt64, _ end: UInt64) -> TailPiece {
        TailPiece(
            timeline: TimelineID(1), run: run, start: LSN(rawValue: segment.start.rawValue + start),
            end: LSN(rawValue: segment.start.rawValue + end))
    }

    @Test("keys say timeline, run and bounds, and come back from a listing")
    func keys() throws {
        let piece = piece(0x5F5, 0, 100)
        let key = piece.key(in: ArchiveLayout(server: "demo"))
        #expect(key.text == "demo/pgmahout/tail/00000001/00000000000005F5/0000000000200000-0000000000200064.gz")
        #expect(TailPiece(key, timeline: TimelineID(1)) == piece)
        #expect(TailPiece(key, timeline: TimelineID(2)) == nil)
        for name in ["x.gz", "1-2", "2-1.gz", "1-2.gz.tmp", "-.gz"] {
            #expect(TailPiece(ObjectKey("demo/pgmahout/tail/00000001/5F5/\(name)"), timeline: TimelineID(1)) == nil)
        }
    }

    @Test("the run that got furthest from the segment's first byte counts; runs are never mixed; gaps end it")
    func longest() {
        #expect(TailPiece.longest([], of: segment).isEmpty)
        #expect(TailPiece.longest([piece(1, 10, 20)], of: segment).isEmpty)
        let first = [piece(1, 0, 10), piece(1, 10, 30)]
        #expect(TailPiece.longest([piece(2, 0, 20), piece(2, 30, 90)] + first, of: segment) == first)
        let later = [piece(2, 0, 30)]
        #expect(TailPiece.longest(first + later, of: segment) == later)
        #expect(
            TailPiece.longest([piece(1, 0, 10), piece(1, 0, 40), piece(1, 20, 50)], of: segment).last?.end.rawValue
                == segment.start.rawValue + 50)
    }
}
