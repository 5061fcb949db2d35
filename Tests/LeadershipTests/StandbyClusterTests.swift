import ClusterModel
import Testing

@testable import Leadership

extension Scenario {
    static let end = LSN(rawValue: 0x5000100)
    static let token = DemotionToken(systemIdentifier: systemIdentifier, timeline: TimelineID(1), end: end)

    /// pg-1, holder of a cluster that follows another one; both others stream from it.
    static func standbyLeader() -> Scenario {
        var scenario = primary()
        scenario.change { $0.remote = RemoteCluster() }
        scenario.observation.standbySource = StandbySource(followsFirst: true, streams: true, restores: false)
        scenario.observation.local.data = .present(data(wasPrimary: false))
        scenario.observation.local.process = .running(running(inRecovery: true, upstream: .remote))
        scenario.observation.local.upstream = .remote
        scenario.observation.local.mayWrite = false
        return scenario
    }

    mutating func remote(_ history: TimelineHistory, isPrimary: Bool = true, system: SystemIdentifier? = nil) {
        observation.remote = RemoteReport(
            systemIdentifier: system ?? Self.systemIdentifier, timeline: history.timeline, position: Self.end,
            isPrimary: isPrimary, history: history, receivedAt: now)
    }

    /// Some periods later; the lease was renewed meanwhile.
    mutating func later(_ span: Duration = .seconds(3), _ change: (inout Scenario) -> Void) {
        pass(span)
        observation.store.held?.sentAt = now
        server { _ in }
        change(&self)
    }

    mutating func promote(_ token: DemotionToken?, milliseconds: Int64 = 60_000) {
        change { $0.intent.promotion = PromotionRequest(id: "p", token: token, deadlineMilliseconds: milliseconds) }
    }

    /// A promotion that was asked for, up to the moment of the claim.
    mutating func detachedForPromotion(_ token: DemotionToken?, without removed: Guard? = nil) -> Decision {
        promote(token)
        let decision = decide(without: removed)
        guard decision.operations == [.detach] else { return decision }
        detach()
        return decide(without: removed)
    }

    mutating func demote() {
        change {
            $0.intent.demotion = DemotionRequest(id: "d", remote: RemoteCluster(), deadlineMilliseconds: 60_000)
        }
    }

    /// A demotion that was asked for, once postgres has stopped.
    mutating func stoppedForDemotion(clean: Bool = true, without removed: Guard? = nil) -> Decision {
        demote()
        _ = decide(without: removed)
        _ = decide(without: removed)
        stopServer()
        var data = Self.data(wasPrimary: true, clean: clean)
        if clean { data.end = Self.end }
        observation.local.data = .present(data)
        return decide(without: removed)
    }
}

@Suite("A cluster that follows another one")
struct StandbyClusterTests {
    // MARK: Following

    @Test("its leader renews the lease, streams from the other cluster, and is never promoted")
    func leads() throws {
        var scenario = Scenario.standbyLeader()
        let first = scenario.decide()
        #expect(first.operations == [] && first.leadsStandby)
        scenario.pass(.seconds(1))
        let write = try #require(scenario.decide().write)
        #expect(write.record.holder == scenario.observation.me.incarnation)
        #expect(write.record.timeline == TimelineID(1) && write.record.flushed == Scenario.end)
        scenario.server { $0.upstream = nil }
        #expect(scenario.decide().operations == [.follow(.remote)])
    }

    @Test("a server that somebody promoted by hand is stopped at once")
    func promotedByHand() {
        var scenario = Scenario.standbyLeader()
        scenario.observation.local.process = .running(Scenario.running(inRecovery: false))
        #expect(scenario.decide().fences)
    }

    @Test("a new one is cloned from the other cluster, not made from nothing")
    func bootstrap() throws {
        var scenario = Scenario.newcomer("pg-1", record: nil)
        scenario.observation.standbySource = StandbySource(followsFirst: true, streams: true, restores: false)
        _ = scenario.decide()
        scenario.pass(.seconds(20))
        let write = try #require(scenario.decide().write)
        #expect(write.record.remote != nil && write.record.holder?.name == "pg-1")
        scenario.apply(write)
        #expect(scenario.decide().operations == [.clone(from: .remote)])
    }

    @Test("when its leader is lost, another one leads on the same timeline")
    func leaderLost() throws {
        var scenario = Scenario.replica()
        scenario.observation.standbySource = StandbySource(followsFirst: true, streams: true, restores: false)
        scenario.change {
            $0.remote = RemoteCluster()
            // However far it is behind: the other cluster has it all.
            $0.flushed = LSN(rawValue: 0x5_0000_0000)
        }
        _ = scenario.decide()
        scenario.observation.peers["pg-1"] = nil
        scenario.pass(.seconds(6))
        #expect(scenario.decide().operations == [.detach])
        scenario.detach()
        scenario.vote("pg-3")
        let write = try #require(scenario.decide().write)
        #expect(write.record.holder?.name == "pg-2" && write.record.timeline == TimelineID(1))
        scenario.apply(write)
        #expect(scenario.decide().operations == [.follow(.remote)])
    }

    @Test("the others clone from its leader and follow it, though it is a replica")
    func others() {
        var scenario = Scenario.replica()
        scenario.change { $0.remote = RemoteCluster() }
        scenario.report("pg-1", role: .replica)
        scenario.observation.peers["pg-1"]?.status.leadsStandby = true
        #expect(scenario.decide().operations == [])
        var newcomer = Scenario.newcomer(record: scenario.observation.store.record)
        newcomer.report("pg-1", role: .replica)
        newcomer.observation.peers["pg-1"]?.status.leadsStandby = true
        #expect(newcomer.decide().operations == [.clone(from: "pg-1")])
    }

    @Test("a follower that has a new timeline before it is known of the leader is not taken for diverged")
    func ahead() {
        var scenario = Scenario.replica()
        scenario.change { $0.remote = RemoteCluster() }
        scenario.report("pg-1", role: .replica)
        scenario.observation.peers["pg-1"]?.status.leadsStandby = true
        scenario.server { $0.timeline = TimelineID(2) }
        #expect(scenario.decide().operations == [])
        scenario.pass(.seconds(3))
        scenario.change { $0.renewal = "second" }
        #expect(scenario.decide().operations == [])
        // It stays so: the leader was made anew from another history.
        scenario.pass(.seconds(10))
        scenario.change { $0.renewal = "third" }
        #expect(scenario.decide().operations == [.stop(.orderly)])
    }

    @Test("a switchover among its members stops nothing")
    func switchover() throws {
        var scenario = Scenario.standbyLeader()
        scenario.change {
            $0.intent.switchover = SwitchoverRequest(id: "s", from: "pg-1", to: "pg-2", deadlineMilliseconds: 1000)
        }
        let decision = scenario.decide()
        #expect(decision.operations == [])
        let write = try #require(decision.write)
        #expect(write.record.holder == nil && write.record.successor == "pg-2")
    }

    @Test("what the other cluster lost in a failover is rewound; another system is not followed")
    func diverged() {
        var scenario = Scenario.standbyLeader()
        let fork = TimelineHistory(
            timeline: TimelineID(2), ancestors: [.init(timeline: TimelineID(1), end: LSN(rawValue: 0x5000080))])
        scenario.remote(fork)
        // What was heard may be older than what is here.
        #expect(scenario.decide().operations == [])
        scenario.later { $0.remote(fork) }
        #expect(scenario.decide().operations == [.stop(.orderly)])
        scenario.stopServer()
        var data = Scenario.data(wasPrimary: false)
        data.minimumRecovery = Scenario.end
        scenario.observation.local.data = .present(data)
        #expect(scenario.decide().operations == [.rewind(from: .remote)])
        scenario.remote(fork, system: SystemIdentifier(rawValue: 7))
        let other = scenario.decide()
        #expect(other.operations == [.start(.standby(upstream: nil))])
        #expect(other.problem?.contains("system identifier 7") == true)
    }

    @Test("commits that this cluster acknowledged are never rewound by itself")
    func written() {
        var scenario = Scenario.standbyLeader()
        scenario.change { $0.demotion = Scenario.token }
        scenario.remote(
            TimelineHistory(
                timeline: TimelineID(2), ancestors: [.init(timeline: TimelineID(1), end: LSN(rawValue: 0x5000080))]))
        _ = scenario.decide()
        scenario.later { $0.observation.remote?.receivedAt = $0.now }
        let decision = scenario.decide()
        #expect(decision.operations == [])
        #expect(decision.problem?.contains("reclone pg-1") == true)
    }

    @Test("a timeline of the same number that began elsewhere is another one")
    func sameNumber() {
        var scenario = Scenario.standbyLeader()
        let own = TimelineHistory(
            timeline: TimelineID(2), ancestors: [.init(timeline: TimelineID(1), end: LSN(rawValue: 0x5000080))])
        scenario.observation.leaderHistory = own
        scenario.server { $0.timeline = TimelineID(2) }
        scenario.remote(own)
        #expect(scenario.decide().operations == [])
        scenario.remote(
            TimelineHistory(
                timeline: TimelineID(2), ancestors: [.init(timeline: TimelineID(1), end: LSN(rawValue: 0x5000040))]))
        _ = scenario.decide()
        scenario.later { $0.observation.remote?.receivedAt = $0.now }
        #expect(scenario.decide().operations == [.stop(.orderly)])
    }

    @Test("a lost record does not make it lead: its data remember that it followed")
    func recordLost() throws {
        var scenario = Scenario.replica()
        scenario.observation.store.record = nil
        scenario.observation.store.version = nil
        scenario.observation.peers = [:]
        scenario.stopServer()
        var data = Scenario.data(wasPrimary: false)
        data.followsRemote = true
        scenario.observation.local.data = .present(data)
        _ = scenario.decide()
        scenario.pass(.seconds(10))
        #expect(scenario.decide().write?.record.remote != nil)
        // A store that went back to before the demotion.
        var older = Scenario.replica()
        older.observation.local.data = .present(
            {
                var data = data
                data.term = 9
                return data
            }())
        #expect(older.decide().write?.record.remote != nil)
    }

    // MARK: Demotion

    @Test("a demotion stops postgres, and then gives a token, the term and the follower away in one write")
    func demotes() throws {
        var scenario = Scenario.primary()
        scenario.makeLossless()
        scenario.demote()
        #expect(scenario.decide().operations == [.checkpoint])
        #expect(scenario.decide().operations == [.stop(.orderly)])
        let write = try #require(scenario.stoppedForDemotion().write)
        #expect(write.record.remote == RemoteCluster())
        #expect(write.record.demotion == Scenario.token)
        #expect(write.record.term == 4 && write.record.holder?.name == "pg-1")
        #expect(write.record.synchronous == nil && write.record.intent.demotion == nil)
        #expect(write.record.lastTransition?.id == "d" && write.record.lastTransition?.succeeded == true)
        // While its answer is awaited, nothing is opened, whatever the record is believed to be.
        scenario.change { $0.intent.demotion = nil }
        #expect(scenario.decide().operations == [])
        scenario.now = scenario.now + .milliseconds(5)
        scenario.apply(write)
        #expect(scenario.decide().operations == [.start(.standby(upstream: nil))])
        scenario.observation.standbySource = StandbySource(followsFirst: false, streams: true, restores: false)
        #expect(scenario.decide().operations == [.start(.standby(upstream: .remote))])
        scenario.observation.local.process = .running(Scenario.running(inRecovery: true, upstream: .remote))
        #expect(scenario.decide().reports.map(\.id) == ["d"])
        #expect(scenario.decide().reports == [])
    }

    @Test("a stop that was not clean, or took too long, gives no token, and the primary goes on")
    func demotionFails() throws {
        var crashed = Scenario.primary()
        let decision = crashed.stoppedForDemotion(clean: false)
        #expect(decision.reports.map(\.succeeded) == [false])
        #expect(decision.operations == [.start(.primary)])
        #expect(decision.write?.record.remote == nil && decision.write?.record.intent.demotion == nil)

        var slow = Scenario.primary()
        slow.demote()
        _ = slow.decide()
        slow.pass(.seconds(61))
        slow.observation.store.held?.sentAt = slow.now
        slow.server { _ in }
        #expect(slow.decide().reports.map(\.succeeded) == [false])
    }

    @Test("a new primary carries on with a demotion that the last one had begun")
    func demotionSurvives() {
        var scenario = Scenario.primary()
        scenario.demote()
        scenario.memory = Memory()
        #expect(scenario.decide().operations == [.checkpoint])
    }

    // MARK: Promotion

    @Test("a token is awaited; then the receiver is ended, the record claims a timeline, and postgres is promoted")
    func promotes() throws {
        var scenario = Scenario.standbyLeader()
        scenario.promote(Scenario.token)
        scenario.server { $0.replayed = LSN(rawValue: Scenario.end.rawValue - 1) }
        #expect(scenario.decide().operations == [])
        scenario.server { $0.replayed = Scenario.end }
        #expect(scenario.decide().operations == [.detach])
        scenario.detach()
        let write = try #require(scenario.decide().write)
        #expect(write.record.remote == nil && write.record.timeline == TimelineID(2) && write.record.term == 4)
        #expect(write.record.intent.promotion == nil)
        scenario.apply(write)
        #expect(scenario.decide().operations == [.promote(to: TimelineID(2))])
    }

    @Test("in a lossless mode only the promoted member may lead until others are counted")
    func promotesLossless() {
        var scenario = Scenario.standbyLeader()
        scenario.observation.settings.synchronousMode = .quorum
        let write = scenario.detachedForPromotion(Scenario.token).write
        #expect(write?.record.synchronous == SynchronousState(mode: .quorum, members: [], votes: 1))
    }

    @Test("without a token the next timeline's number is left to the other cluster")
    func forced() {
        var scenario = Scenario.standbyLeader()
        #expect(scenario.detachedForPromotion(nil).write?.record.timeline == TimelineID(3))
    }

    @Test("a token of another system, or of before somebody wrote, is refused with the reason, once")
    func wrongToken() throws {
        let wrong = [
            (
                DemotionToken(
                    systemIdentifier: SystemIdentifier(rawValue: 9), timeline: TimelineID(1), end: Scenario.end),
                "system"
            ),
            (
                DemotionToken(
                    systemIdentifier: Scenario.systemIdentifier, timeline: TimelineID(1), end: LSN(rawValue: 0x5000080)),
                "somebody has written"
            ),
        ]
        for (token, reason) in wrong {
            var scenario = Scenario.standbyLeader()
            scenario.promote(token)
            let decision = scenario.decide()
            let transition = try #require(decision.reports.first)
            #expect(!transition.succeeded && transition.id == "p" && transition.reason.contains(reason))
            let write = try #require(decision.write)
            #expect(write.record.remote != nil && write.record.intent.promotion == nil)
            scenario.apply(write)
            #expect(scenario.decide().reports == [])
        }
        var later = Scenario.standbyLeader()
        later.server { $0.timeline = TimelineID(2) }
        later.promote(Scenario.token)
        #expect(later.decide().reports.first?.reason.contains("followed on to 2") == true)
    }

    @Test("the token of its own demotion is refused: the other cluster may lead by it, unheard of")
    func ownToken() {
        var scenario = Scenario.standbyLeader()
        scenario.change { $0.demotion = Scenario.token }
        scenario.promote(Scenario.token)
        #expect(scenario.decide().operations == [])
        let result = scenario.memory.unpublished
        #expect(result?.succeeded == false && result?.reason.contains("own demotion") == true)
    }

    @Test("a token whose WAL does not come is waited for until the bound, also by the next leader")
    func tokenNeverComes() {
        var scenario = Scenario.standbyLeader()
        scenario.promote(
            DemotionToken(
                systemIdentifier: Scenario.systemIdentifier, timeline: TimelineID(1), end: LSN(rawValue: 0x6000000)),
            milliseconds: 5000)
        let first = scenario.decide()
        #expect(first.reports == [] && first.problem?.contains("waits for WAL up to 0/6000000") == true)
        scenario.memory = Memory()
        #expect(scenario.decide().reports == [])
        scenario.pass(.seconds(6))
        scenario.observation.store.held?.sentAt = scenario.now
        scenario.server { _ in }
        #expect(scenario.decide().reports.map(\.succeeded) == [false])
    }
}
