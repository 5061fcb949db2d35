import ClusterModel
import Leadership
import Postgres
import Testing

@testable import Supervision

@Suite("What is wrong with the local server")
struct AilmentsTests {
    func at(_ seconds: UInt64) -> Instant { Instant(nanoseconds: seconds * 1_000_000_000) }
    let refused = SQLError(.server, sqlState: "53300", "sorry, too many clients already")
    let silent = SQLError(.timedOut, "no answer")

    @Test("nothing, when it answers")
    func well() {
        var ailments = Ailments()
        ailments.answered()
        ailments.knocked(.answered, at: at(1))
        #expect(ailments.problem(disk: .fine, at: at(2)) == nil)
        #expect(ailments.proof(at(2)) == at(2))
    }

    @Test("a full connection table is a sign of life, and named as what it is")
    func exhausted() throws {
        var ailments = Ailments()
        let isAlive = ailments.failed(refused, at: at(1))
        #expect(isAlive)
        #expect(try #require(ailments.problem(disk: .fine, at: at(2))).contains("connections"))
        #expect(ailments.proof(at(2)) == at(2))
        let isStillAlive = ailments.failed(silent, at: at(3))
        #expect(!isStillAlive)
    }

    @Test("a postmaster that takes no connections ages the proof of life, whatever old connections say")
    func stoppedPostmaster() throws {
        var ailments = Ailments()
        ailments.knocked(.silent, at: at(5))
        ailments.answered()
        ailments.knocked(.silent, at: at(7))
        #expect(ailments.proof(at(9)) == at(5))
        #expect(try #require(ailments.problem(disk: .fine, at: at(9))).contains("postmaster"))
        ailments.knocked(.answered, at: at(10))
        #expect(ailments.proof(at(11)) == at(11))
        #expect(ailments.problem(disk: .fine, at: at(11)) == nil)
    }

    @Test("stopped processes are counted, a connection that hangs and a disk are told apart from them")
    func toldApart() throws {
        var ailments = Ailments()
        ailments.knocked(.stopped(7, of: 9), at: at(5))
        #expect(try #require(ailments.problem(disk: .fine, at: at(6))).contains("7 of postgres' 9 processes"))
        ailments = Ailments()
        _ = ailments.failed(silent, at: at(5))
        #expect(ailments.problem(disk: .fine, at: at(6)) == "postgres has not answered for 1000 ms")
        // A disk that hangs is behind the rest.
        #expect(try #require(ailments.problem(disk: .hung(since: at(4)), at: at(6))).contains("disk"))
        #expect(try #require(ailments.problem(disk: .full, at: at(6))).contains("full"))
    }
}
