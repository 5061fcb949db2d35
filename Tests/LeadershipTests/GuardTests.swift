import ClusterModel
import Testing

@testable import Leadership

/// For every condition that safety rests on a situation in which it alone decides.
@Suite("Every guard is needed")
struct GuardTests {
    @Test("with it the step is not taken, without it it is", arguments: Guard.allCases)
    func guardDecides(_ name: Guard) throws {
        #expect(try !steps(over: name, without: nil))
        #expect(try steps(over: name, without: name))
    }

    /// Whether the unsafe step is taken.
    private func steps(over name: Guard, without removed: Guard?) throws -> Bool {
        switch name {
        case .challengerWaits, .holderGivesUp, .successorOnly, .noOpeningAfterRelease, .confirmedHandover,
            .rolledBackIsNotFree, .electorateOnly:
            try lease(name, removed)
        case .promiseKept, .consentOfAll, .noConsentAfterVote, .bootedVoterWaits: consent(name, removed)
        case .voteAfterDetach, .noStreamWhileVoted, .voteForThisRenewal, .streamAfterRenewal, .votesEnough,
            .synchronousOnly, .bestGoesFirst:
            votes(name, removed)
        case .overlap, .narrowAfterFlush, .votesAtClaim, .synchronousAtOpening, .clientsWait:
            synchronous(name, removed)
        case .newTimeline, .halfRewound, .formerPrimary: data(name, removed)
        case .followerStaysStandby, .tokenAfterStop, .tokenReplayed, .tokenIsNewest: clusters(name, removed)
        }
    }

    private func clusters(_ name: Guard, _ removed: Guard?) -> Bool {
        var scenario = name == .tokenAfterStop ? Scenario.primary() : Scenario.standbyLeader()
        func token(_ end: UInt64) -> DemotionToken {
            DemotionToken(
                systemIdentifier: Scenario.systemIdentifier, timeline: TimelineID(1), end: LSN(rawValue: end))
        }
        switch name {
        case .followerStaysStandby:
            scenario.change { $0.timeline = TimelineID(2) }
            return scenario.decide(without: removed).operations == [.promote(to: TimelineID(2))]
        case .tokenAfterStop:
            return scenario.stoppedForDemotion(clean: false, without: removed).write?.record.demotion != nil
        case .tokenReplayed:
            let write = scenario.detachedForPromotion(token(0x6000000), without: removed).write
            return write.map { $0.record.remote == nil } ?? false
        default:
            let write = scenario.detachedForPromotion(token(0x5000080), without: removed).write
            return write.map { $0.record.remote == nil } ?? false
        }
    }

    private func lease(_ name: Guard, _ removed: Guard?) throws -> Bool {
        switch name {
        case .challengerWaits:
            var scenario = Scenario.replica()
            scenario.observation.peers["pg-1"] = nil
            return scenario.decide(without: removed).operations == [.detach]
        case .holderGivesUp:
            var scenario = Scenario.primary()
            scenario.pass(.seconds(5))
            return scenario.decide(without: removed).writableUntil != nil
        case .successorOnly:
            var scenario = Scenario.candidate()
            scenario.change {
                $0.holder = nil
                $0.successor = "pg-3"
                $0.renewal = "released"
            }
            _ = scenario.decide(without: removed)
            scenario.vote("pg-3")
            return scenario.decide(without: removed).write != nil
        case .noOpeningAfterRelease:
            var scenario = Scenario.primary()
            scenario.observation.shutdownRequests = 2
            scenario.stopServer()
            let release = try #require(scenario.decide(without: removed).write)
            #expect(release.record.holder == nil)
            // Its answer is lost, and the stop was not meant.
            scenario.observation.shutdownRequests = 0
            return scenario.decide(without: removed).operations == [.start(.primary)]
        case .confirmedHandover:
            var scenario = Scenario.primary()
            scenario.change {
                $0.intent.switchover = SwitchoverRequest(
                    id: "s1", from: "pg-1", to: "pg-2", deadlineMilliseconds: 30000)
            }
            _ = scenario.decide(without: removed)
            _ = scenario.decide(without: removed)
            var data = Scenario.data(wasPrimary: true)
            data.checkpoint = LSN(rawValue: 0x6000028)
            scenario.observation.local.data = .present(data)
            scenario.stopServer()
            return scenario.decide(without: removed).write?.record.successor == "pg-2"
        case .rolledBackIsNotFree:
            var scenario = Scenario.replica()
            scenario.observation.peers["pg-1"] = nil
            // Its data was opened under term 3.
            scenario.change {
                $0.holder = nil
                $0.term = 1
                $0.renewal = "old"
            }
            return scenario.decide(without: removed).operations == [.detach]
        default:
            var scenario = Scenario.candidate()
            scenario.change { $0.electorate = ["pg-1", "pg-3"] }
            return scenario.decide(without: removed).write != nil
        }
    }

    private func consent(_ name: Guard, _ removed: Guard?) -> Bool {
        let question = PeerRequest.consent(
            ConsentRequest(
                holder: Scenario.member("pg-1").incarnation, term: 3, round: 1, durationMilliseconds: 6000))
        switch name {
        case .promiseKept:
            var scenario = Scenario.replica()
            _ = scenario.decide(without: removed)
            scenario.observation.peers["pg-1"] = nil
            scenario.pass(.seconds(3))
            _ = scenario.answer(question, without: removed)
            scenario.pass(.seconds(4))
            return scenario.decide(without: removed).operations == [.detach]
        case .consentOfAll:
            var scenario = Scenario.primary()
            _ = scenario.decide(without: removed)
            scenario.observation.store.writeInFlight = true
            scenario.pass(.seconds(2))
            let round = scenario.decide(without: removed).consentAsked?.request.round ?? 0
            scenario.observation.consents["pg-2"] = Consent(term: 3, round: round)
            scenario.pass(.seconds(3))
            return scenario.decide(without: removed).writableUntil != nil
        case .noConsentAfterVote:
            var scenario = Scenario.candidate()
            _ = scenario.decide(without: removed)
            return scenario.answer(question, without: removed).granted
        default:
            var scenario = Scenario.replica()
            scenario.makeLossless()
            scenario.observation.promisesKnownSince = Scenario.start
            _ = scenario.decide(without: removed)
            scenario.pass(.seconds(2), reports: false)
            _ = scenario.decide(without: removed)
            scenario.pass(.milliseconds(500), reports: false)
            let vote = VoteRequest(candidate: "pg-3", term: 3, renewal: "first")
            return scenario.answer(.vote(vote), without: removed).granted
        }
    }

    private func votes(_ name: Guard, _ removed: Guard?) -> Bool {
        var scenario = Scenario.candidate()
        switch name {
        case .voteAfterDetach:
            scenario = Scenario.replica()
            _ = scenario.decide(without: removed)
            scenario.observation.peers["pg-1"] = nil
            scenario.pass(.seconds(6))
            return scenario.decide(without: removed).vote != nil
        case .noStreamWhileVoted:
            scenario = Scenario.replica()
            scenario.makeLossless()
            _ = scenario.decide(without: removed)
            scenario.change { $0.renewal = "second" }
            _ = scenario.decide(without: removed)
            scenario.pass(.seconds(1), reports: false)
            _ = scenario.decide(without: removed)
            scenario.pass(.milliseconds(600), reports: false)
            let vote = VoteRequest(candidate: "pg-3", term: 3, renewal: "second")
            guard scenario.answer(.vote(vote), without: removed).granted else { return false }
            _ = scenario.decide(without: removed)
            scenario.detach()
            // The holder is back, but it has not renewed.
            scenario.report("pg-1", role: .primary)
            return scenario.decide(without: removed).operations == [.follow("pg-1")]
        case .voteForThisRenewal:
            scenario.makeLossless()
            scenario.observation.peers["pg-3"]?.status.vote = Vote(term: 3, renewal: "before")
            scenario.pass(.seconds(1))
        case .streamAfterRenewal:
            scenario = Scenario.replica()
            scenario.makeLossless()
            scenario.detach()
            return scenario.decide(without: removed).operations == [.follow("pg-1")]
        case .votesEnough:
            scenario.makeLossless(.quorum, ["pg-2", "pg-3"], votes: 3)
            scenario.pass(.seconds(1))
        case .synchronousOnly:
            scenario.makeLossless(.quorum, ["pg-3"], votes: 1)
            scenario.pass(.seconds(1))
        default: scenario.vote("pg-3", flushed: 0x5000101)
        }
        return scenario.decide(without: removed).write != nil
    }

    private func synchronous(_ name: Guard, _ removed: Guard?) -> Bool {
        let one = SynchronousSetting(members: ["pg-2"], required: 1)
        let record = SynchronousState(mode: .quorum, members: ["pg-2"], votes: 1)
        var scenario = Scenario.primary()
        switch name {
        case .overlap:
            let plan = SynchronousPlan(mode: .quorum, record: record, setting: one, covered: [], removed: removed.list)
            return plan.next(towards: .none) == .setting(.none)
        case .narrowAfterFlush:
            let nobody = SynchronousState(mode: .quorum, members: [], votes: 1)
            let plan = SynchronousPlan(mode: .quorum, record: nobody, setting: one, covered: [], removed: removed.list)
            return plan.next(towards: one) == .record(record)
        case .votesAtClaim:
            scenario = Scenario.candidate()
            scenario.makeLossless()
            scenario.vote("pg-3", flushed: 0x50000FF)
            let claim = scenario.decide(without: removed).write?.record.synchronous
            return claim.map { $0.votes <= $0.members.count } ?? false
        case .synchronousAtOpening:
            scenario.makeLossless()
            scenario.stopServer(crashed: true)
            let decision = scenario.decide(without: removed)
            return decision.operations == [.start(.primary)] && decision.synchronousAtOpening.required == 0
        default:
            scenario.makeLossless(.strict)
            scenario.stopServer(crashed: true)
            let decision = scenario.decide(without: removed)
            return decision.operations == [.start(.primary)] && decision.admitsClientsAtOpening
        }
    }

    private func data(_ name: Guard, _ removed: Guard?) -> Bool {
        var scenario = Scenario.candidate()
        switch name {
        case .newTimeline:
            scenario.change { $0.timeline = TimelineID(2) }
            return scenario.decide(without: removed).write?.record.timeline == TimelineID(2)
        case .halfRewound:
            var data = Scenario.data(wasPrimary: false)
            data.rewindPending = true
            scenario = Scenario.replica()
            scenario.observation.local.data = .present(data)
        default:
            // It was not shut down cleanly: it may have WAL that nobody else has.
            scenario = Scenario.replica()
            scenario.observation.local.data = .present(Scenario.data(wasPrimary: true, clean: false))
        }
        scenario.stopServer()
        return scenario.decide(without: removed).operations == [.start(.standby(upstream: "pg-1"))]
    }
}
