import ClusterModel
import Testing

@testable import Leadership

@Suite("Votes")
struct VoteTests {
    let question = PeerRequest.vote(VoteRequest(candidate: "pg-3", term: 3, renewal: "first"))

    /// pg-2, for whom the lease of pg-1 has run out.
    func voter() -> Scenario {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.observation.peers["pg-1"] = nil
        scenario.pass(.seconds(6))
        return scenario
    }

    // MARK: The voter

    @Test("a vote shows only once the WAL receiver is gone, with a position that is final")
    func detachedFirst() {
        var scenario = voter()
        #expect(scenario.answer(question).granted)
        let detaching = scenario.decide()
        #expect(detaching.operations == [.detach])
        #expect(detaching.vote == nil)
        scenario.observation.operation = .detach
        scenario.detach()
        #expect(scenario.decide().vote == nil)
        scenario.observation.operation = nil
        #expect(scenario.decide().vote == Vote(term: 3, renewal: "first"))
    }

    @Test("a vote does not show while the server still reads WAL that it has: its position is too low yet")
    func readsItsOwn() {
        var scenario = voter()
        scenario.detach()
        scenario.server { $0.knowsItsEnd = false }
        #expect(scenario.answer(question).granted)
        #expect(scenario.decide().vote == nil)
        scenario.server { $0.knowsItsEnd = true }
        #expect(scenario.decide().vote != nil)
    }

    @Test("one whose own WAL is not read to its end does not stand either")
    func standsWithItsEnd() {
        var scenario = Scenario.candidate()
        scenario.server { $0.knowsItsEnd = false }
        #expect(scenario.decide().write == nil)
        scenario.server { $0.knowsItsEnd = true }
        #expect(scenario.decide().write != nil)
    }

    @Test("a member that does not stand itself votes all the same")
    func votesWithoutStanding() {
        var scenario = voter()
        scenario.change { $0.members["pg-2"]?.traits.noFailover = true }
        scenario.observation.me.traits.noFailover = true
        #expect(scenario.answer(question).granted)
        #expect(scenario.decide().operations == [.detach])
        scenario.detach()
        #expect(scenario.decide().vote != nil)
    }

    @Test("a vote is refused while the lease runs, against another renewal or term, and while the cluster is paused")
    func refusals() {
        var early = Scenario.replica()
        _ = early.decide()
        early.pass(.milliseconds(5999))
        #expect(!early.answer(question).granted)
        var other = voter()
        other.change { $0.renewal = "second" }
        #expect(!other.answer(question).granted)
        var paused = voter()
        paused.change { $0.intent.paused = true }
        #expect(!paused.answer(question).granted)
        var unknown = Scenario.newcomer("pg-2", record: nil)
        #expect(!unknown.answer(question).granted)
        var holder = Scenario.primary()
        #expect(!holder.answer(question).granted)
        var stopped = voter()
        stopped.stopServer()
        #expect(!stopped.answer(question).granted)
    }

    @Test("a vote is refused against a member that says that it leads")
    func leads() {
        var scenario = voter()
        scenario.report("pg-1", role: .primary)
        let answer = scenario.answer(question)
        #expect(!answer.granted)
        #expect(answer.reason == "pg-1 says that it leads")
    }

    @Test("while a vote binds nothing is streamed from that holder, even if it says that it lives")
    func bound() {
        var scenario = voter()
        _ = scenario.answer(question)
        _ = scenario.decide()
        scenario.detach()
        scenario.report("pg-1", role: .primary)
        for _ in 0..<10 {
            let decision = scenario.decide()
            #expect(decision.operations.isEmpty)
            #expect(decision.vote != nil)
            scenario.pass(.seconds(1))
        }
    }

    @Test("another renewal of the holder ends a vote, and the standby streams again")
    func renewed() {
        var scenario = voter()
        _ = scenario.answer(question)
        _ = scenario.decide()
        scenario.detach()
        scenario.change { $0.renewal = "second" }
        scenario.report("pg-1", role: .primary)
        let decision = scenario.decide()
        #expect(decision.vote == nil)
        #expect(decision.operations == [.follow("pg-1")])
    }

    @Test("another holder ends a vote, and the standby follows it")
    func replaced() {
        var scenario = voter()
        _ = scenario.answer(question)
        _ = scenario.decide()
        scenario.detach()
        scenario.change {
            $0.term = 4
            $0.holder = Scenario.member("pg-3").incarnation
            $0.renewal = "of pg-3"
        }
        #expect(scenario.decide().operations == [.follow("pg-3")])
    }

    @Test("a voter that was fenced and set free again is still bound")
    func fencedVoter() {
        var scenario = voter()
        _ = scenario.answer(question)
        _ = scenario.decide()
        scenario.detach()
        scenario.change { $0.intent.fenced = ["pg-2"] }
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.stopServer()
        _ = scenario.decide()
        scenario.change { $0.intent.fenced = [] }
        scenario.report("pg-1", role: .primary)
        #expect(scenario.decide().operations == [.start(.standby(upstream: nil))])
    }

    @Test("a voter whose postgres ends comes back without an upstream")
    func crashedVoter() {
        var scenario = voter()
        _ = scenario.answer(question)
        _ = scenario.decide()
        scenario.stopServer(crashed: true)
        scenario.report("pg-1", role: .primary)
        #expect(scenario.decide().operations == [.start(.standby(upstream: nil))])
    }

    @Test("in a lossless cluster a member that has just booted streams only after it has seen a renewal")
    func booted() {
        var scenario = Scenario.replica()
        scenario.makeLossless()
        scenario.detach()
        let waiting = scenario.decide()
        #expect(waiting.operations.isEmpty)
        #expect(waiting.problem == "streams once it has seen pg-1 renew its lease")
        scenario.change { $0.renewal = "second" }
        #expect(scenario.decide().operations == [.follow("pg-1")])

        var stopped = Scenario.replica()
        stopped.makeLossless()
        stopped.stopServer()
        #expect(stopped.decide().operations == [.start(.standby(upstream: nil))])
    }

    // MARK: The candidate

    @Test(
        "a candidate ends its own WAL receiver, then asks, then waits for a moment for those that do not answer")
    func order() {
        var scenario = voter()
        let first = scenario.decide()
        #expect(first.operations == [.detach])
        #expect(first.votesAsked == nil && first.write == nil)
        scenario.detach()
        let asking = scenario.decide()
        #expect(asking.votesAsked == ["pg-3"])
        #expect(asking.write == nil)
        var answered = scenario
        answered.vote("pg-3")
        #expect(answered.decide().write != nil)
        scenario.pass(.milliseconds(299), reports: false)
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(1), reports: false)
        #expect(scenario.decide().write != nil)
    }

    @Test("nobody is asked for a vote in a storm: every 50 ms at first, each half period after two seconds")
    func paced() {
        var scenario = voter()
        scenario.makeLossless(.quorum, ["pg-2", "pg-3"], votes: 2)
        _ = scenario.decide()
        scenario.detach()
        var asked: [Int] = []
        for step in 0..<1000 {
            if scenario.decide().votesAsked != nil { asked.append(step * 10) }
            scenario.pass(.milliseconds(10))
        }
        #expect(asked.count { $0 < 1000 } == 20)
        #expect((15...17).contains(asked.count { $0 >= 2000 }))
    }

    @Test("a vote counts for the renewal that it was cast against, and for no other")
    func otherRenewal() {
        var scenario = Scenario.candidate()
        scenario.makeLossless()
        var other = scenario
        other.observation.peers["pg-3"]?.status.vote = Vote(term: 3, renewal: "before")
        other.pass(.seconds(60))
        #expect(other.decide().write == nil)
        #expect(scenario.decide().write != nil)
    }

    @Test("a candidate leaves the lead to a voter with more WAL, on a later timeline, of higher priority")
    func ranking() {
        let changes: [(inout Scenario) -> Void] = [
            { $0.vote("pg-3", flushed: 0x5000101) },
            { $0.vote("pg-3", flushed: 0x1, timeline: 2) },
            { $0.change { $0.members["pg-3"]?.traits.failoverPriority = 2 } },
            {
                $0.change {
                    $0.members["pg-1"]?.traits.zone = "a"
                    $0.members["pg-3"]?.traits.zone = "a"
                }
            },
        ]
        for change in changes {
            var scenario = Scenario.candidate()
            change(&scenario)
            let decision = scenario.decide()
            #expect(decision.write == nil)
            #expect(decision.problem == "leaves the lead to pg-3")
        }
        // The name decides among equals.
        var equal = Scenario.candidate()
        #expect(equal.decide().write != nil)
    }

    @Test("a better voter that never moves does not block the others for good")
    func betterButIdle() {
        var scenario = Scenario.candidate()
        scenario.vote("pg-3", flushed: 0x5000101)
        #expect(scenario.decide().write == nil)
        scenario.pass(.seconds(6))
        #expect(scenario.decide().write != nil)
    }

    @Test("a better voter that is not to stand is passed by, in modes that may lose")
    func betterButBarred() {
        var scenario = Scenario.candidate()
        scenario.vote("pg-3", flushed: 0x5000101)
        scenario.change { $0.members["pg-3"]?.traits.noFailover = true }
        #expect(scenario.decide().write != nil)
    }

    @Test("a member does not stand when it is further behind than maximumLag, fenced, delayed or marked noFailover")
    func barred() {
        let changes: [(inout ClusterRecord) -> Void] = [
            { $0.flushed = LSN(rawValue: 0x5000100 + (16 << 20) + 1) },
            { $0.intent.fenced = ["pg-2"] },
            { $0.members["pg-2"]?.traits.applyDelayMilliseconds = 60_000 },
            { $0.members["pg-2"]?.traits.noFailover = true },
        ]
        for change in changes {
            var scenario = Scenario.candidate()
            scenario.change(change)
            if let own = scenario.observation.store.record?.members["pg-2"] { scenario.observation.me = own }
            scenario.pass(.seconds(60))
            let decision = scenario.decide()
            #expect(decision.write == nil)
            #expect(decision.problem != nil)
        }
    }
}
