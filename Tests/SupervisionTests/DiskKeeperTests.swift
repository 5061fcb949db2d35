import ClusterModel
import Glibc
import Leadership
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Supervision

@Suite("The disk of the data directory", .ownThread)
struct DiskKeeperTests {
    private let quick = Duration.milliseconds(20)
    private let mebibyte: UInt64 = 1 << 20

    /// What the keeper said, in order.
    private final class Said: Sendable {
        private let states = Mutex<[DiskState]>([])
        func append(_ state: DiskState) { states.withLock { $0.append(state) } }
        var healths: [DiskHealth] { states.withLock { $0.map(\.health) } }
    }

    private func fill(_ path: String, leaving rest: UInt64 = 0) throws {
        let file = try FileDescriptor(opening: path, O_WRONLY | O_CREAT)
        while try Files.freeBytes(path) > rest {
            do { try file.write([UInt8](repeating: 1, count: 64 << 10)) } catch {
                guard error.isNoSpace else { throw error }
                return
            }
        }
    }

    @Test(
        "a full one is told, the ballast is for a server that has ended; with room again it is fine, the ballast back")
    func full() async throws {
        let root = try TemporaryDirectory()
        let disk = try await SmallFileSystem(at: root.directory("volume"), size: "200m")
        let said = Said()
        let runs = Mutex(true)
        var probe = DiskProbe(dataDirectory: disk.path + "/data")
        #expect(!probe.serverRuns())
        probe.serverRuns = { runs.withLock { $0 } }
        let keeper = try DiskKeeper(probe, 16 * mebibyte, quick) { said.append($0) }
        defer { keeper.stop() }
        try await eventually("the ballast is there") { keeper.state.ballastBytes == 16 * mebibyte }
        // Real blocks, not a hole.
        #expect(try #require(keeper.state.space).sizeBytes == 200 * mebibyte)
        #expect(try Files.freeBytes(disk.path) <= 184 * mebibyte)
        #expect(keeper.state.health == .fine)

        try fill(disk.path + "/big")
        try await eventually("it is full") { keeper.state.health == .full }
        // Who fills the disk would fill that, too.
        #expect(keeper.state.ballastBytes == 16 * mebibyte)
        runs.withLock { $0 = false }
        keeper.probeNow()
        try await eventually("the ballast is given up") { keeper.state.ballastBytes == 0 }
        #expect(try Files.freeBytes(disk.path) >= 16 * mebibyte - 65536)
        // What was given up is not taken for room.
        let proved = keeper.state.provedAt
        try await eventually("writes succeed again") { keeper.state.provedAt != proved }
        #expect(keeper.state.health == .full)
        #expect(keeper.state.problem != nil)

        try Files.remove(disk.path + "/big")
        try await eventually("it is fine") { keeper.state.health == .fine }
        try await eventually("the ballast is back") { keeper.state.ballastBytes == 16 * mebibyte }
        #expect(keeper.state.problem == nil)
        #expect(said.healths.filter { $0 == .full }.count >= 1)
        #expect(said.healths.last == .fine)
    }

    @Test("one with less room than a segment counts as full before writes fail")
    func nearlyFull() async throws {
        let root = try TemporaryDirectory()
        let disk = try await SmallFileSystem(at: root.directory("volume"), size: "40m")
        let keeper = try DiskKeeper(dataDirectory: disk.path + "/data", ballastBytes: 0, every: quick) { _ in }
        defer { keeper.stop() }
        try await eventually("it is looked at") { keeper.state.space != nil }
        #expect(keeper.state.health == .fine)
        try fill(disk.path + "/big", leaving: 3 * mebibyte)
        try await eventually("it is full") { keeper.state.health == .full }
    }

    @Test("no ballast is made where there is no room for twice as much, and one of another size is replaced")
    func room() async throws {
        let root = try TemporaryDirectory()
        let disk = try await SmallFileSystem(at: root.directory("volume"), size: "100m")
        let keeper = try DiskKeeper(dataDirectory: disk.path + "/data", ballastBytes: 32 * mebibyte, every: quick) {
            _ in
        }
        defer { keeper.stop() }
        try await eventually("it is looked at") { keeper.state.provedAt != nil }
        #expect(keeper.state.ballastBytes == 0 && keeper.state.health == .fine)
        keeper.setBallast(bytes: 8 * mebibyte)
        try await eventually("a smaller one fits") { keeper.state.ballastBytes == 8 * mebibyte }
        keeper.setBallast(bytes: 4 * mebibyte)
        try await eventually("it has the new size") { keeper.state.ballastBytes == 4 * mebibyte }
        keeper.setBallast(bytes: 0)
        try await eventually("it is gone") { !Files.exists(disk.path + "/data.pgmahout-ballast") }
    }

    @Test("one that hangs is told while the write hangs, whoever asks is answered, and its return is told")
    func hung() async throws {
        let root = try TemporaryDirectory()
        let gate = Mutex(false)
        var probe = DiskProbe(dataDirectory: root.file("data"))
        probe.write = { _ in while gate.withLock({ $0 }) { usleep(2_000) } }
        let said = Said()
        let keeper = try DiskKeeper(probe, 0, quick) { said.append($0) }
        defer {
            gate.withLock { $0 = false }
            keeper.stop()
        }
        try await eventually("it writes") { keeper.state.provedAt != nil }
        gate.withLock { $0 = true }
        try await eventually("it hangs") { if case .hung = keeper.state.health { true } else { false } }
        guard case .hung(let since) = keeper.state.health else { throw NeverHung() }
        #expect(try since >= #require(keeper.state.provedAt))
        gate.withLock { $0 = false }
        try await eventually("it is fine") { keeper.state.health == .fine }
        #expect(said.healths.suffix(2) == [.hung(since: since), .fine])
    }

    private struct NeverHung: Error {}

    @Test("one that became read-only takes no writes; a directory that is not there yet says nothing of the disk")
    func readOnly() async throws {
        let root = try TemporaryDirectory()
        let disk = try await SmallFileSystem(at: root.directory("volume"), size: "40m")
        let keeper = try DiskKeeper(dataDirectory: disk.path + "/data", ballastBytes: 0, every: quick) { _ in }
        defer { keeper.stop() }
        try await eventually("it writes") { keeper.state.provedAt != nil }
        try await disk.remount("ro")
        try await eventually("it takes no writes") { if case .hung = keeper.state.health { true } else { false } }
        #expect(keeper.state.problem?.contains("Read-only") == true)
        try await disk.remount("rw")
        try await eventually("it is fine") { keeper.state.health == .fine }

        let nowhere = try DiskKeeper(dataDirectory: root.file("no/data"), ballastBytes: 0, every: quick) { _ in }
        defer { nowhere.stop() }
        try await eventually("it says why") { nowhere.state.problem != nil }
        #expect(nowhere.state.health == .fine)
    }

    @Test("pg_wal on a volume of its own is watched, too")
    func separateWAL() async throws {
        let root = try TemporaryDirectory()
        let wal = try await SmallFileSystem(at: root.directory("data/pg_wal"), size: "2m")
        let keeper = try DiskKeeper(dataDirectory: root.file("data"), ballastBytes: 0, every: quick) { _ in }
        defer { keeper.stop() }
        try await eventually("it writes there") { Files.exists(wal.path + "/.pgmahout-probe") }
        try fill(wal.path + "/big")
        try await eventually("it is full") { keeper.state.health == .full }
        #expect(keeper.state.problem?.contains("pg_wal") == true)
    }
}
