import ClusterModel
import Leadership
import Platform
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Supervision

@Suite("The journal of promises", .ownThread)
struct PromiseJournalTests {
    private let root: TemporaryDirectory
    private let holder = Incarnation(name: "pg-1", podUID: "u", bootID: "b")

    init() throws { root = try TemporaryDirectory() }

    private func journal(
        boot: String? = "one", cluster: String = "demo", member: MemberName = "pg-2"
    ) throws -> PromiseJournal {
        try PromiseJournal(path: path, cluster: cluster, member: member, boot: boot)
    }

    private var path: String { root.file("data.pgmahout-promise") }

    private func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    private func keep(_ journal: PromiseJournal, until: Instant, knownSince: Instant) async throws -> Bool {
        let answer = Mutex<Bool?>(nil)
        journal.keep(Memory.Promise(holder: holder, until: until), knownSince: knownSince) { kept in
            answer.withLock { $0 = kept }
        }
        return try await eventualValue("it answers") { answer.withLock { $0 } }
    }

    @Test("the first run knows nothing of before, a later one all since then, with the last promise")
    func later() async throws {
        let first = try journal().start(now: at(100))
        #expect(first.knownSince == at(100) && first.memory.promise == nil)
        let second = try journal()
        let known = second.start(now: at(101))
        #expect(known.knownSince == at(100) && known.memory.promise == nil)
        #expect(try await keep(second, until: at(107), knownSince: known.knownSince))
        #expect(try await keep(second, until: at(108), knownSince: known.knownSince))
        let third = try journal().start(now: at(103))
        #expect(third.knownSince == at(100))
        #expect(third.memory.promise == Memory.Promise(holder: holder, until: at(108)))
    }

    @Test("nothing counts of another boot of the machine, of another member, of a clock that went back, or of garbage")
    func foreign() async throws {
        let first = try journal()
        _ = first.start(now: at(100))
        #expect(try await keep(first, until: at(106), knownSince: at(100)))
        #expect(try journal(member: "pg-3").start(now: at(101)).knownSince == at(101))
        _ = try journal().start(now: at(102))
        #expect(try journal(boot: "two").start(now: at(103)).knownSince == at(103))
        #expect(try journal(boot: "two").start(now: at(50)).knownSince == at(50))
        try Files.writeDurably(Array("{\"format\": 1".utf8), to: root.file("data.pgmahout-promise"))
        #expect(try journal(boot: "two").start(now: at(110)).knownSince == at(110))
        #expect(try journal(boot: nil).start(now: at(120)).knownSince == at(120))
    }

    @Test("a promise that cannot be kept is none")
    func broken() async throws {
        let journal = try PromiseJournal(
            path: root.file("missing/data.pgmahout-promise"), cluster: "demo", member: "pg-2", boot: "one")
        _ = journal.start(now: at(100))
        #expect(try await !keep(journal, until: at(106), knownSince: at(100)))
    }

    @Test("what another member, or one of another cluster, promised comes along with no copied volume")
    func copied() async throws {
        let first = try journal()
        _ = first.start(now: at(100))
        #expect(try await keep(first, until: at(106), knownSince: at(100)))
        let whole = try Files.read(path)
        for (cluster, member): (String, MemberName) in [("demo", "pg-3"), ("other", "pg-2")] {
            try Files.writeDurably(whole, to: path)
            let known = try journal(cluster: cluster, member: member).start(now: at(102))
            #expect(known.knownSince == at(102) && known.memory.promise == nil)
            // It has begun its own.
            let next = try journal(cluster: cluster, member: member).start(now: at(103))
            #expect(next.knownSince == at(102) && next.memory.promise == nil)
        }
    }

    @Test("it stands beside the data directory, so neither a copy of that nor its end touches it")
    func beside() async throws {
        let directory = DataDirectory(path: root.file("data"), cluster: "demo", major: 15)
        let first = try journal()
        _ = first.start(now: at(100))
        #expect(try await keep(first, until: at(106), knownSince: at(100)))
        try Files.makeDirectory(directory.path)
        try Files.makeDirectory(directory.stagingPath)
        try directory.discardStaging()
        try directory.putReplacedIntoTrash()
        try directory.emptyTrash()
        try Files.removeTree(directory.path)
        #expect(try journal().start(now: at(101)).memory.promise?.until == at(106))
    }

    @Test("one that cannot be read, is cut short, or is of another format is waited for as if there were none")
    func unreadable() async throws {
        let first = try journal()
        _ = first.start(now: at(100))
        #expect(try await keep(first, until: at(106), knownSince: at(100)))
        let whole = try Files.read(path)
        let text = String(decoding: whole, as: UTF8.self)
        let newer = text.replacing("\"format\":1", with: "\"format\":2")
        try #require(newer != text)
        for content in [Array(whole.prefix(60)), [], Array(newer.utf8), [UInt8](repeating: 0, count: 512)] {
            try Files.writeDurably(content, to: path)
            let known = try journal().start(now: at(102))
            #expect(known.knownSince == at(102) && known.memory.promise == nil)
        }
        // Something that can be neither read nor replaced: what cannot be kept is not promised.
        try Files.remove(path)
        try Files.makeDirectory(path)
        let last = try journal()
        #expect(last.start(now: at(103)).knownSince == at(103))
        #expect(try await !keep(last, until: at(109), knownSince: at(103)))
    }
}
