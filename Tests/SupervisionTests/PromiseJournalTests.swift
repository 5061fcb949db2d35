import ClusterModel
import Leadership
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Supervision

@Suite("The journal of promises", .ownThread)
struct PromiseJournalTests {
    private let root: TemporaryDirectory
    private let holder = Incarnation(name: "pg-1", podUID: "u", bootID: "b")

    init() throws { root = try TemporaryDirectory() }

    private func journal(boot: String? = "one", member: MemberName = "pg-2") throws -> PromiseJournal {
        try PromiseJournal(path: root.file("data.pgmahout-promise"), cluster: "demo", member: member, boot: boot)
    }

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
}
