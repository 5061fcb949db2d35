import ClusterModel
import Testing

@testable import Supervision

@Suite("Two runs of one name")
struct NamesakeWatchTests {
    let me = Incarnation(name: "pg-1", podUID: "mine", bootID: "b2")
    let other = Incarnation(name: "pg-1", podUID: "theirs", bootID: "b9")
    let patience = Duration.seconds(12)

    func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }

    @Test("one that never answers and never writes is a past of its own, and nobody keeps quiet for it")
    func past() {
        var watch = NamesakeWatch()
        watch.note(entry: other, me: me, at: at(1))
        #expect(watch.entry == other)
        #expect(watch.rival(at: at(1), patience: patience) == nil)
    }

    @Test("one that answers at the address in the record is a rival, until it has been silent for a while")
    func answers() {
        var watch = NamesakeWatch()
        watch.note(entry: other, me: me, at: at(1))
        watch.heard(of: other, at: at(2))
        #expect(watch.rival(at: at(14), patience: patience) == other)
        #expect(watch.rival(at: at(15), patience: patience) == nil)
    }

    @Test("an answer of ourselves at that address is none of a rival")
    func ourselves() {
        var watch = NamesakeWatch()
        watch.note(entry: other, me: me, at: at(1))
        watch.heard(of: me, at: at(2))
        #expect(watch.rival(at: at(2), patience: patience) == nil)
    }

    @Test("one that writes its entry over ours is alive")
    func overwrites() {
        var watch = NamesakeWatch()
        watch.note(entry: me, me: me, at: at(1))
        watch.note(entry: other, me: me, at: at(2))
        #expect(watch.rival(at: at(3), patience: patience) == other)
    }

    @Test("an old record that is brought back names an earlier boot of this pod: no rival")
    func restoredRecord() {
        var watch = NamesakeWatch()
        watch.note(entry: me, me: me, at: at(1))
        watch.note(entry: Incarnation(name: "pg-1", podUID: "mine", bootID: "b1"), me: me, at: at(2))
        #expect(watch.rival(at: at(2), patience: patience) == nil)
    }

    @Test("whose entry stands has no rival: of two, exactly one keeps quiet")
    func oneOfTwo() {
        var mine = NamesakeWatch()
        var theirs = NamesakeWatch()
        for (second, entry) in [(1, me), (2, other)] as [(UInt64, Incarnation)] {
            mine.note(entry: entry, me: me, at: at(second))
            theirs.note(entry: entry, me: other, at: at(second))
        }
        theirs.heard(of: me, at: at(3))
        mine.heard(of: other, at: at(3))
        #expect(mine.rival(at: at(3), patience: patience) == other)
        #expect(theirs.rival(at: at(3), patience: patience) == nil)
    }

    @Test("a newcomer waits for an answer of whoever has its name before it enters itself, and for no earlier boot")
    func courtesy() {
        var watch = NamesakeWatch()
        watch.note(entry: other, me: me, at: at(1))
        #expect(watch.waits(at: at(1)) == at(2))
        #expect(watch.waits(at: at(2)) == nil)
        // The address is its own by now: nobody else is there.
        watch.heard(of: me, at: at(1))
        #expect(watch.waits(at: at(1)) == nil)
        var past = NamesakeWatch()
        past.note(entry: Incarnation(name: "pg-1", podUID: "mine", bootID: "b1"), me: me, at: at(1))
        #expect(past.waits(at: at(1)) == nil)
    }
}
