import ClusterModel
import Testing

@testable import Leadership

@Suite("Consent, when the store cannot be reached")
struct ConsentTests {
    /// pg-1, which has renewed its lease for the last time and asks at half of R.
    func asking() -> Scenario {
        var scenario = Scenario.primary()
        _ = scenario.decide()
        scenario.observation.store.writeInFlight = true
        scenario.pass(.seconds(2))
        return scenario
    }

    func question(term: UInt64 = 3, holder: Incarnation = Scenario.member("pg-1").incarnation) -> PeerRequest {
        .consent(ConsentRequest(holder: holder, term: term, round: 1, durationMilliseconds: 6000))
    }

    // MARK: The holder

    @Test("is asked of everybody from half of R on, and again with each period")
    func rhythm() throws {
        var scenario = Scenario.primary()
        _ = scenario.decide()
        scenario.observation.store.writeInFlight = true
        scenario.pass(.milliseconds(1999))
        let early = scenario.decide()
        #expect(early.consentAsked == nil)
        #expect(early.wakeAt == scenario.now + .milliseconds(1))
        scenario.pass(.milliseconds(1))
        let asked = try #require(scenario.decide().consentAsked)
        #expect(asked.of == ["pg-2", "pg-3"])
        #expect(asked.request.term == 3 && asked.request.durationMilliseconds == 6000)
        #expect(scenario.decide().consentAsked == nil)
        scenario.pass(.seconds(1))
        let again = try #require(scenario.decide().consentAsked)
        #expect(again.request.round > asked.request.round)
    }

    @Test("of all makes the lease count from just before the question was sent")
    func extended() throws {
        var scenario = asking()
        let asked = try #require(scenario.decide().consentAsked)
        let sent = scenario.now
        scenario.pass(.milliseconds(10))
        scenario.observation.consents["pg-2"] = Consent(term: 3, round: asked.request.round)
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(4500))
        scenario.observation.consents["pg-3"] = Consent(term: 3, round: asked.request.round)
        #expect(scenario.decide().writableUntil == sent + .milliseconds(4500))
    }

    @Test("keeps a holder going for as long as everybody goes on giving it, and not longer")
    func outage() throws {
        var scenario = asking()
        for _ in 0..<120 {
            if let asked = scenario.decide().consentAsked {
                for name in asked.of {
                    scenario.observation.consents[name] = Consent(term: 3, round: asked.request.round)
                }
            }
            try #require(scenario.decide().writableUntil != nil)
            scenario.pass(.milliseconds(500))
            scenario.server { _ in }
        }
        scenario.pass(.seconds(4))
        #expect(scenario.decide().fences)
    }

    @Test("given to one question is none to another, nor under another term")
    func otherRound() throws {
        var scenario = asking()
        let asked = try #require(scenario.decide().consentAsked)
        scenario.observation.consents = [
            "pg-2": Consent(term: 3, round: asked.request.round), "pg-3": Consent(term: 2, round: asked.request.round),
        ]
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(4500))
        scenario.observation.consents["pg-3"] = Consent(term: 3, round: asked.request.round - 1)
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(4500))
    }

    @Test("is needed of a member that entered itself, before the holder knows whether its own renewal counted it")
    func newcomer() throws {
        var scenario = asking()
        scenario.change { $0.members["pg-4"] = Scenario.member("pg-4") }
        let asked = try #require(scenario.decide().consentAsked)
        #expect(asked.of == ["pg-2", "pg-3", "pg-4"])
        for name in ["pg-2", "pg-3"] as [MemberName] {
            scenario.observation.consents[name] = Consent(term: 3, round: asked.request.round)
        }
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(4500))
    }

    @Test(
        "in lossless modes is needed of so many that no winning vote is possible without one of them",
        arguments: [(2, 1), (1, 2)])
    func lossless(_ votes: Int, _ needed: Int) throws {
        var scenario = asking()
        scenario.makeLossless(.quorum, ["pg-2", "pg-3"], votes: votes)
        let asked = try #require(scenario.decide().consentAsked)
        var given = 0
        for name in ["pg-2", "pg-3"] as [MemberName] {
            let before = scenario.decide().writableUntil
            #expect((before == Scenario.start + .milliseconds(4500)) == (given < needed))
            scenario.observation.consents[name] = Consent(term: 3, round: asked.request.round)
            given += 1
        }
        #expect(scenario.decide().writableUntil == Scenario.start + .milliseconds(6500))
    }

    @Test("is measured by the recorded D: a longer one that was only just configured does not count yet")
    func longerDuration() throws {
        var scenario = asking()
        scenario.observation.settings.duration = .seconds(60)
        scenario.observation.settings.giveUpAfter = .seconds(40)
        scenario.observation.settings.killWithin = .seconds(5)
        let asked = try #require(scenario.decide().consentAsked)
        #expect(asked.request.durationMilliseconds == 6000)
        for name in asked.of { scenario.observation.consents[name] = Consent(term: 3, round: asked.request.round) }
        #expect(scenario.decide().writableUntil == scenario.now + .milliseconds(4500))
    }

    // MARK: The others

    @Test("is a promise neither to stand nor to vote for D")
    func promise() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.observation.peers["pg-1"] = nil
        scenario.pass(.seconds(5))
        #expect(scenario.answer(question()).granted)
        scenario.pass(.milliseconds(5999))
        let decision = scenario.decide()
        #expect(decision.operations.isEmpty)
        #expect(decision.problem == "promised pg-1 to stand by")
        #expect(decision.wakeAt == scenario.now + .milliseconds(1))
        let vote = PeerRequest.vote(VoteRequest(candidate: "pg-3", term: 3, renewal: "first"))
        #expect(!scenario.answer(vote).granted)
        scenario.pass(.milliseconds(1))
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("ends with the release of that holder, and with no other")
    func released() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.observation.peers["pg-1"] = nil
        #expect(scenario.answer(question()).granted)
        var forged = scenario
        forged.change {
            $0.holder = nil
            $0.renewal = "anew.1"
        }
        #expect(forged.decide().operations.isEmpty)
        scenario.change {
            $0.holder = nil
            $0.renewal = "boot.7"
        }
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("is refused by a member that has seen a newer term, another holder, or does not know the record")
    func refusals() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        #expect(!scenario.answer(question(term: 2)).granted)
        #expect(!scenario.answer(question(holder: Scenario.member("pg-3").incarnation)).granted)
        #expect(!scenario.answer(question(holder: Scenario.member("pg-1", boot: "before").incarnation)).granted)
        var unknowing = Scenario.replica()
        unknowing.observation.store = StoreView()
        #expect(!unknowing.answer(question()).granted)
    }

    @Test("is refused by a member that has voted, or is about to take over")
    func standing() {
        var voted = Scenario.candidate()
        _ = voted.decide()
        let answer = voted.answer(question())
        #expect(!answer.granted)
        #expect(answer.reason == "a vote against it binds")

        var taking = Scenario.replica()
        taking.change {
            $0.holder = nil
            $0.successor = "pg-2"
            $0.successorIsConfirmed = true
        }
        taking.observation.peers = [:]
        #expect(taking.decide().write != nil)
        taking.observation.store.writeInFlight = true
        taking.change { $0.holder = Scenario.member("pg-1").incarnation }
        #expect(!taking.answer(question()).granted)
    }

    @Test("is not given in a lossless cluster by one that may have voted before it booted, until it has seen a renewal")
    func forgottenVote() {
        var scenario = Scenario.replica()
        scenario.makeLossless()
        _ = scenario.decide()
        let refused = scenario.answer(question())
        #expect(!refused.granted && refused.reason.contains("since it booted"))
        #expect(scenario.answer(question(), without: .noConsentAfterVote).granted)
        scenario.change { $0.renewal = "second" }
        _ = scenario.decide()
        #expect(scenario.answer(question()).granted)
        // Where commits wait for nobody, a vote ends nothing that a commit needs: it stands by the lease alone.
        scenario = Scenario.replica()
        _ = scenario.decide()
        #expect(scenario.answer(question()).granted)
    }
}
