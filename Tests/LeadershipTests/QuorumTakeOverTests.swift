import ClusterModel
import Testing

@testable import Leadership

@Suite("A take-over by votes alone")
struct QuorumTakeOverTests {
    /// pg-2 of a lossless cluster whose holder pg-1 has fallen silent; both standbys count.
    func standby(_ mode: SynchronousMode = .quorum) -> Scenario {
        var scenario = Scenario.replica()
        scenario.makeLossless(mode)
        _ = scenario.decide()
        return scenario
    }

    /// Time goes on in steps as it does for a running member, and pg-1 says nothing any more.
    func silence(_ scenario: inout Scenario, until end: Duration) -> Duration? {
        while scenario.now.since(Scenario.start) < end {
            scenario.pass(.milliseconds(100), reports: false)
            if scenario.decide().operations.contains(.detach) { return scenario.now.since(Scenario.start) }
        }
        return nil
    }

    let question = PeerRequest.vote(VoteRequest(candidate: "pg-3", term: 3, renewal: "first"))

    @Test("is begun 1.8 s after the last renewal that was seen, and won with the votes that the record demands")
    func takesOver() throws {
        var scenario = standby()
        let begun = try #require(silence(&scenario, until: .seconds(4)))
        #expect(begun == .milliseconds(1800))
        scenario.detach()
        #expect(scenario.decide().votesAsked == ["pg-3"])
        scenario.pass(.milliseconds(300), reports: false)
        #expect(scenario.decide().write == nil)
        scenario.vote("pg-3")
        let write = try #require(scenario.decide().write)
        #expect(write == .replace(write.record, at: "v1"))
        #expect(write.record.term == 4)
        #expect(write.record.lastTransition == nil)
    }

    @Test("asks the holder as soon as its renewal is late, so that it is known in time whether it is silent")
    func suspects() {
        var scenario = standby()
        scenario.pass(.milliseconds(899))
        #expect(!scenario.decide().effects.contains(.ask(["pg-1"])))
        scenario.pass(.milliseconds(1))
        #expect(scenario.decide().effects.contains(.ask(["pg-1"])))
        #expect(!scenario.decide().effects.contains(.ask(["pg-1"])))
        scenario.pass(.milliseconds(200))
        #expect(scenario.decide().effects.contains(.ask(["pg-1"])))
    }

    @Test("is not begun against a holder that answers")
    func answers() {
        var scenario = standby()
        while scenario.now.since(Scenario.start) < .seconds(5) {
            scenario.pass(.milliseconds(100), reports: false)
            scenario.report("pg-1", role: .primary)
            let decision = scenario.decide()
            #expect(decision.operations.isEmpty)
        }
    }

    @Test("is begun against a holder that answered once after its renewal was late, and died then")
    func answeredOnce() throws {
        var scenario = standby()
        scenario.pass(.seconds(1), reports: false)
        _ = scenario.decide()
        scenario.pass(.milliseconds(100), reports: false)
        scenario.report("pg-1", role: .primary)
        #expect(try #require(silence(&scenario, until: .seconds(4))) < .seconds(3))
    }

    @Test("is not begun in modes that may lose, or when it is turned off")
    func otherModes() {
        var off = Scenario.replica()
        _ = off.decide()
        #expect(silence(&off, until: .milliseconds(5900)) == nil)
        var preferred = standby(.preferred)
        #expect(silence(&preferred, until: .milliseconds(5900)) == nil)
        var turnedOff = standby()
        turnedOff.observation.settings.quorumTakeOverAfter = nil
        #expect(silence(&turnedOff, until: .milliseconds(5900)) == nil)
    }

    @Test("is not begun by a member that booted less than D ago: it may have consented before")
    func bootedLately() throws {
        var scenario = standby()
        scenario.observation.promisesKnownSince = Scenario.start - .seconds(3)
        #expect(try #require(silence(&scenario, until: .seconds(5))) == .seconds(3))
    }

    @Test("is not begun while the cluster is paused, nor by a member outside the recorded set")
    func barred() {
        var paused = standby()
        paused.change { $0.intent.paused = true }
        #expect(silence(&paused, until: .seconds(20)) == nil)
        var outside = Scenario.replica()
        outside.makeLossless(.quorum, ["pg-3"], votes: 1)
        #expect(silence(&outside, until: .seconds(20)) == nil)
        #expect(outside.decide().problem?.contains("none of those that have every commit") == true)
    }

    @Test("needs as many votes as the record demands, the candidate's own among them")
    func votes() {
        var enough = Scenario.candidate()
        enough.makeLossless(.quorum, ["pg-2", "pg-3"], votes: 2)
        #expect(enough.decide().write != nil)
        var tooFew = Scenario.candidate()
        tooFew.makeLossless(.quorum, ["pg-2", "pg-3"], votes: 3)
        tooFew.pass(.seconds(60))
        #expect(tooFew.decide().write == nil)
        // Votes of members that are not counted are none.
        var uncounted = Scenario.candidate()
        uncounted.makeLossless(.quorum, ["pg-2", "pg-4"], votes: 2)
        uncounted.pass(.seconds(60))
        #expect(uncounted.decide().write == nil)
    }

    @Test("a voter with more WAL is never passed by when its vote is needed, whether it may stand or not")
    func neverPassedBy() {
        let bars: [(inout ClusterRecord) -> Void] = [{ _ in }, { $0.intent.fenced = ["pg-3"] }]
        for bar in bars {
            var scenario = Scenario.candidate()
            scenario.makeLossless(.quorum, ["pg-2", "pg-3"], votes: 2)
            scenario.vote("pg-3", flushed: 0x5000101)
            scenario.change(bar)
            #expect(scenario.decide().write == nil)
            scenario.pass(.seconds(60))
            #expect(scenario.decide().write == nil)
        }
    }

    @Test("a voter with more WAL that does not move is passed by when the others are enough without it")
    func enoughWithout() {
        var scenario = Scenario.candidate()
        scenario.change { $0.members["pg-4"] = Scenario.member("pg-4") }
        scenario.change { $0.electorate.append("pg-4") }
        scenario.makeLossless(.quorum, ["pg-2", "pg-3", "pg-4"], votes: 2)
        scenario.vote("pg-3", flushed: 0x5000101)
        scenario.vote("pg-4")
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(6))
        #expect(scenario.decide().write != nil)
    }

    @Test("the last primary needs no votes: what was acknowledged is in its own WAL")
    func lastPrimary() {
        var scenario = Scenario.primary()
        scenario.makeLossless(.quorum, ["pg-2", "pg-3"], votes: 3)
        scenario.observation.store.held = nil
        scenario.change { $0.holder = nil }
        scenario.observation.peers = [:]
        scenario.stopServer()
        #expect(scenario.decide().write != nil)
    }

    // MARK: The voter

    @Test("a vote is granted after half of that time, if the holder is silent towards the voter too")
    func grants() {
        var scenario = standby()
        #expect(scenario.answer(question).reason == "the holder has renewed its lease lately")
        scenario.pass(.milliseconds(900), reports: false)
        _ = scenario.decide()
        #expect(scenario.answer(question).reason == "the holder answers")
        scenario.pass(.milliseconds(399), reports: false)
        #expect(!scenario.answer(question).granted)
        scenario.pass(.milliseconds(1), reports: false)
        #expect(scenario.answer(question).granted)
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("a vote is refused while the holder answers the voter, and by a voter that has booted lately or has promised")
    func refuses() {
        var answered = standby()
        answered.pass(.milliseconds(900), reports: false)
        _ = answered.decide()
        answered.pass(.milliseconds(500), reports: false)
        answered.report("pg-1", role: .primary)
        #expect(answered.answer(question).reason == "the holder answers")

        var booted = standby()
        booted.observation.promisesKnownSince = Scenario.start
        booted.pass(.seconds(2), reports: false)
        _ = booted.decide()
        booted.pass(.milliseconds(500), reports: false)
        #expect(booted.answer(question).reason == "booted lately: what it promised before is forgotten")

        // It has booted just now, and knows from its journal that it has promised nothing, or what.
        var remembering = standby()
        remembering.observation.promisesKnownSince = Scenario.start - .seconds(60)
        remembering.pass(.seconds(2), reports: false)
        _ = remembering.decide()
        remembering.pass(.milliseconds(500), reports: false)
        #expect(remembering.answer(question).granted)
        var bound = standby()
        bound.memory.promise = Memory.Promise(
            holder: Scenario.member("pg-1").incarnation, until: Scenario.start + .seconds(5))
        bound.pass(.seconds(2), reports: false)
        _ = bound.decide()
        bound.pass(.milliseconds(500), reports: false)
        #expect(bound.answer(question).reason == "promised pg-1 to stand by")

        var promised = standby()
        promised.change { $0.renewal = "zeroth" }
        _ = promised.decide()
        promised.change { $0.renewal = "first" }
        _ = promised.decide()
        let consent = ConsentRequest(
            holder: Scenario.member("pg-1").incarnation, term: 3, round: 1, durationMilliseconds: 6000)
        #expect(promised.answer(.consent(consent)).granted)
        promised.pass(.seconds(2), reports: false)
        _ = promised.decide()
        promised.pass(.milliseconds(500), reports: false)
        #expect(promised.answer(question).reason == "promised pg-1 to stand by")
    }

    // MARK: Handed over after a crash

    @Test("a holder that gives up after a crash hands over only to somebody who can win")
    func canWin() throws {
        var scenario = Scenario.primary()
        scenario.makeLossless(.quorum, ["pg-2", "pg-3"], votes: 2)
        _ = scenario.decide()
        scenario.stopServer(crashed: true)
        scenario.pass(.seconds(11))
        scenario.observation.store.held?.sentAt = scenario.now
        var alone = scenario
        #expect(try #require(scenario.decide().write).record.successor == "pg-2")
        alone.observation.peers["pg-3"] = nil
        #expect(alone.decide().operations == [.start(.primary)])
    }

    @Test("the successor of a crash collects its votes at once, of members that leave the lead to it")
    func unconfirmed() {
        var scenario = standby()
        scenario.change {
            $0.holder = nil
            $0.successor = "pg-3"
            $0.renewal = "released"
        }
        scenario.observation.peers["pg-1"] = nil
        _ = scenario.decide()
        let question = PeerRequest.vote(VoteRequest(candidate: "pg-3", term: 3, renewal: "released"))
        #expect(scenario.answer(question).granted)
        #expect(scenario.decide().operations == [.detach])
        scenario.detach()
        let decision = scenario.decide()
        #expect(decision.vote != nil)
        #expect(decision.write == nil)

        var successor = Scenario.candidate()
        successor.makeLossless()
        successor.change {
            $0.holder = nil
            $0.successor = "pg-2"
        }
        successor.observation.peers["pg-3"]?.status.vote = nil
        #expect(successor.decide().write == nil)
        successor.vote("pg-3")
        #expect(successor.decide().write != nil)
    }

    @Test(
        "does not count a vote that was seen before its renewal came up again: the store went back, and it may be void")
    func comesUpAgain() throws {
        var scenario = standby()
        scenario.vote("pg-3")
        scenario.pass(.milliseconds(100), reports: false)
        scenario.change { $0.renewal = "second" }
        _ = scenario.decide()
        scenario.pass(.milliseconds(100), reports: false)
        scenario.change { $0.renewal = "first" }
        _ = scenario.decide()
        _ = try #require(silence(&scenario, until: .seconds(4)))
        scenario.detach()
        #expect(scenario.decide().votesAsked == ["pg-3"])
        scenario.pass(.milliseconds(400), reports: false)
        #expect(scenario.decide().write == nil)
        scenario.vote("pg-3")
        #expect(scenario.decide().write != nil)
    }
}
