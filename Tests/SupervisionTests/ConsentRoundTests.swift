import ClusterModel
import Testing

@testable import Supervision

@Suite("A round of consent")
struct ConsentRoundTests {
    @Test("is granted when all that were asked have consented, and reported once")
    func granted() {
        var round = ConsentRound(term: 1, round: 4, asked: ["pg-2", "pg-3"])
        let answer1 = round.note("pg-2", granted: true)
        #expect(answer1 == nil)
        let answer2 = round.note("pg-2", granted: true)
        #expect(answer2 == nil)
        let answer3 = round.note("pg-3", granted: true)
        #expect(answer3 == true)
        let answer4 = round.note("pg-3", granted: true)
        #expect(answer4 == nil)
    }

    @Test("is refused by the first who does not")
    func refused() {
        var round = ConsentRound(term: 1, round: 4, asked: ["pg-2", "pg-3"])
        let answer5 = round.note("pg-3", granted: false)
        #expect(answer5 == false)
        let answer6 = round.note("pg-2", granted: true)
        #expect(answer6 == nil)
    }
}
