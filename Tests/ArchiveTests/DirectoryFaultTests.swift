import ClusterModel
import Glibc
import Platform
import TestSupport
import Testing

@testable import Archive

/// What NFS, quotas and dying disks do to a directory, call by call.
@Suite(.ownThread)
struct DirectoryFaultTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        let call: String
        let code: Int32
        var words: String { String(cString: strerror(code)) }
        var testDescription: String { "\(call): \(words)" }

        init(_ call: String, _ code: Int32) {
            self.call = call
            self.code = code
        }
    }

    @Test(
        "a call that fails archives nothing, is told in its own words, and leaves nothing behind once it works again",
        arguments: [
            Fault("write", ENOSPC), Fault("write", EDQUOT), Fault("write", EIO), Fault("write", ESTALE),
            Fault("fsync", EIO), Fault("fsync", EDQUOT), Fault("fsync", ESTALE), Fault("close", EDQUOT),
            Fault("close", EIO), Fault("link", EIO), Fault("link", ESTALE), Fault("link", ENOSPC),
            Fault("open", EIO), Fault("open", ESTALE), Fault("mkdir", EDQUOT), Fault("syncdir", EIO),
        ])
    func fails(fault: Fault) async throws {
        let archiver = try await FaultyArchiver()
        // The owner first, so that the fault meets the segment.
        let (first, second) = (SegmentFile.segment(1), SegmentFile.segment(0x1000))
        let content = (try archiver.add(first), try archiver.add(second))
        var (status, text) = try await archiver.push(first)
        #expect(status == .exited(0), "\(text)")
        try archiver.faults("\(fault.call) \(fault.code) -1")
        // In a folder of its own, which has to be made.
        (status, text) = try await archiver.push(second)
        #expect(status == .exited(1))
        #expect(text.contains(fault.words) && text.contains(archiver.archive), "\(text)")
        if fault.call != "syncdir" { #expect(!Files.exists("\(archiver.archive)/demo/wals/\(second).gz")) }
        // Whatever bears the name is whole, even when nobody was told of it.
        if let found = try archiver.archived(second) { #expect(found == content.1) }
        try archiver.faults()
        (status, text) = try await archiver.push(second)
        #expect(status == .exited(0), "\(text)")
        #expect(try archiver.archived(first) == content.0)
        #expect(try archiver.archived(second) == content.1)
        #expect(try archiver.incoming().isEmpty)
        #expect(archiver.isRunning)
    }

    @Test("an fsync that fails once is never asked again about the same file: the next attempt writes another")
    func failedSync() async throws {
        let archiver = try await FaultyArchiver()
        // The owner first, so that the fault meets the segment.
        let (first, segment) = (SegmentFile.segment(1), SegmentFile.segment(2))
        let content = (try archiver.add(first), try archiver.add(segment)).1
        var (status, text) = try await archiver.push(first)
        #expect(status == .exited(0), "\(text)")
        try archiver.faults("fsync \(EIO) 1", "write \(ENOSPC) 0")
        (status, text) = try await archiver.push(segment)
        #expect(status == .exited(1), "what may be lost is not archived: \(text)")
        #expect(try archiver.archived(segment) == nil)
        #expect(try archiver.incoming().isEmpty, "the file that may have holes is gone")
        #expect(try archiver.faultsLeft().hasPrefix("fsync \(EIO) 0"))
        (status, text) = try await archiver.push(segment)
        #expect(status == .exited(0), "\(text)")
        #expect(try archiver.archived(segment) == content)
    }

    @Test("a handle that went stale is opened again, and the fetch goes on where it was", arguments: ["open", "read"])
    func staleHandles(call: String) async throws {
        let archiver = try await FaultyArchiver()
        let segment = SegmentFile.segment(1)
        let content = try archiver.add(segment)
        #expect(try await archiver.push(segment).0 == .exited(0))
        try archiver.faults("\(call) \(ESTALE) 1")
        let (status, text) = try await archiver.fetch(segment)
        #expect(status == .exited(0), "\(text)")
        #expect(try Files.read(archiver.wal.file("RECOVERYXLOG")) == content)
        #expect(try archiver.faultsLeft() == "\(call) \(ESTALE) 0\n", "the fault was met")
        // For good: that is no absence, which would end a recovery to a target.
        try Files.writeDurably([UInt8](), to: archiver.wal.directory.file("recovery.signal"))
        try archiver.faults("\(call) \(ESTALE) -1")
        let (gone, reason) = try await archiver.fetch(segment, timeout: 2)
        #expect(gone == .exited(255), "\(reason)")
    }

    @Test("a file system that hangs holds up one push: others are still answered, and it is finished later")
    func hangs() async throws {
        let archiver = try await FaultyArchiver()
        let segment = SegmentFile.segment(1)
        let content = try archiver.add(segment)
        try archiver.faults("fsync hang -1")
        let (status, text) = try await archiver.push(segment, timeout: 2)
        #expect(status == .exited(1), "\(text)")
        // The loop lives: what needs no disk is answered at once.
        let (refused, reason) = try await WALClient.run(
            [
                "push", "--socket", archiver.directory.file("run/archiver.sock"), "--timeout", "5", "pg_wal/x",
                "no-wal-file",
            ], in: archiver.wal.path)
        #expect(refused == .exited(1) && reason.contains("no name of a WAL file"), "\(reason)")
        #expect(try archiver.archived(segment) == nil)
        try archiver.faults()
        let (late, words) = try await archiver.push(segment)
        #expect(late == .exited(0), "\(words)")
        #expect(try archiver.archived(segment) == content)
        try await eventually("nothing half is left") { try archiver.incoming().isEmpty }
    }
}
