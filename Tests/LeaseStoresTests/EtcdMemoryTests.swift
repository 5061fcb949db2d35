import TestSupport
import Testing

@testable import LeaseStores

struct EtcdMemoryTests {
    @Test("a version is written and read back, and what no etcd made is none")
    func versions() {
        for rollbacks in [0, 3] {
            let version = EtcdVersion(cluster: .max, created: 5, modified: 9, bytes: [1, 2], rollbacks: rollbacks)
            #expect(EtcdVersion(version.version) == version)
        }
        for text in ["", "never", "1/2/3", "1/2/3/4/5/6", "x/2/3/4", "1/2/3/4/", "1//3/4"] {
            #expect(EtcdVersion(RecordVersion(text)) == nil, "\(text)")
        }
        let (one, two) = (version(7, "a"), version(7, "b"))
        #expect(one.version != two.version, "another content at the same revision has the same version")
    }

    @Test("answers of calls that overlap may come in any order: the store has not gone back")
    func overlapping() {
        var memory = EtcdMemory()
        memory.note(position(5), modified: nil, since: memory.mark)
        let (early, late) = (memory.mark, memory.mark)
        memory.note(position(9), modified: nil, since: late)
        memory.note(position(6), modified: nil, since: early)
        #expect(memory.rollbacks == 0)
        memory.note(position(9), modified: nil, since: memory.mark)
        #expect(memory.rollbacks == 0)
    }

    @Test("an answer from before what was known when its call began is one of a store that went back, counted once")
    func rollback() {
        var memory = EtcdMemory()
        memory.note(position(9), modified: nil, since: memory.mark)
        memory.remember(version(9, "x"), Array("x".utf8))
        let (first, second) = (memory.mark, memory.mark)
        memory.note(position(4), modified: nil, since: first)
        memory.note(position(4), modified: nil, since: second)
        #expect(memory.rollbacks == 1)
        #expect(memory.bytes(of: version(9, "x")) == nil)
        memory.remember(version(9, "x"), Array("x".utf8))
        #expect(memory.bytes(of: version(9, "x")) == nil, "a lost state came back")
        memory.note(position(4, cluster: 2), modified: nil, since: memory.mark)
        #expect(memory.rollbacks == 2)
    }

    @Test("a record that is older than it was is of a store that went back, however far its revision is by now")
    func rollbackPastOld() {
        var memory = EtcdMemory()
        memory.note(position(9), modified: 9, since: memory.mark)
        memory.remember(version(9, "x"), Array("x".utf8))
        let overlapping = memory.mark
        memory.note(position(12), modified: 9, since: memory.mark)
        memory.note(position(15), modified: nil, since: memory.mark)
        #expect(memory.rollbacks == 0, "a record that is the same, or was removed, is no rollback")
        memory.note(position(20), modified: 4, since: memory.mark)
        memory.note(position(20), modified: 4, since: overlapping)
        #expect(memory.rollbacks == 1)
    }

    @Test("of the states that were seen the newest is kept, whichever answer came last")
    func newest() {
        var memory = EtcdMemory()
        memory.note(position(5), modified: 5, since: memory.mark)
        memory.remember(version(5, "new"), Array("new".utf8))
        memory.remember(version(3, "old"), Array("old".utf8))
        #expect(memory.bytes(of: version(3, "old")) == nil)
        #expect(memory.bytes(of: version(5, "new")) == Array("new".utf8))
        #expect(memory.bytes(of: version(5, "other")) == nil)
    }

    private func version(_ modified: Int64, _ text: String) -> EtcdVersion {
        EtcdVersion(cluster: 1, created: 2, modified: modified, bytes: Array(text.utf8), rollbacks: 0)
    }

    private func position(_ revision: Int64, cluster: UInt64 = 1) -> EtcdPosition {
        EtcdPosition(cluster: cluster, revision: revision)
    }
}
