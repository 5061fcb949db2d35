import ClusterModel
import Testing

@testable import Leadership

@Suite("Opening in a synchronous mode")
struct OpeningTests {
    /// pg-2 of a lossless cluster, for whom the lease of pg-1 has run out; pg-3 has voted.
    func winner(
        _ mode: SynchronousMode = .quorum, _ members: [MemberName] = ["pg-2", "pg-3"], votes: Int = 2,
        flushedByOther: UInt64 = 0x5000100
    ) throws -> (claim: ClusterRecord, scenario: Scenario) {
        var scenario = Scenario.candidate()
        scenario.makeLossless(mode, members, votes: votes)
        scenario.vote("pg-3", flushed: flushedByOther)
        scenario.pass(.milliseconds(300))
        let write = try #require(scenario.decide().write)
        scenario.apply(write)
        return (write.record, scenario)
    }

    // MARK: What a claim says

    @Test("a winner that shares its WAL with another may be replaced by that one")
    func shared() throws {
        let (claim, _) = try winner()
        #expect(claim.synchronous == SynchronousState(mode: .quorum, members: ["pg-3"], votes: 1))
    }

    @Test("a winner that alone has what it has cannot be replaced before somebody has caught up")
    func alone() throws {
        let (claim, _) = try winner(flushedByOther: 0x50000FF)
        #expect(claim.synchronous == SynchronousState(mode: .quorum, members: ["pg-3"], votes: 2))
    }

    @Test("the successor of a hand-over counts on the one that handed over: it has everything")
    func handedOver() throws {
        var scenario = Scenario.replica()
        scenario.makeLossless()
        scenario.observation.peers = [:]
        scenario.change {
            $0.holder = nil
            $0.successor = "pg-2"
            $0.successorIsConfirmed = true
        }
        let claim = try #require(scenario.decide().write).record
        #expect(claim.synchronous == SynchronousState(mode: .quorum, members: ["pg-1", "pg-3"], votes: 2))
    }

    @Test("the last primary that comes back first changes nothing in the record")
    func sameAgain() throws {
        var scenario = Scenario.primary()
        scenario.makeLossless()
        let before = scenario.observation.store.record?.synchronous
        scenario.observation.store.held = nil
        scenario.change { $0.holder = nil }
        scenario.stopServer()
        #expect(try #require(scenario.decide().write).record.synchronous == before)
    }

    // MARK: With which setting it opens

    @Test(
        "the first commit waits like all that follow: the setting that a server opens with overlaps the record",
        arguments: [SynchronousMode.quorum, .strict])
    func overlaps(_ mode: SynchronousMode) throws {
        for votes in 1...3 {
            for count in 1...2 {
                var scenario = Scenario.primary()
                scenario.makeLossless(mode, votes: votes)
                scenario.observation.settings.synchronousCount = count
                scenario.stopServer(crashed: true)
                let decision = scenario.decide()
                #expect(decision.operations == [.start(.primary)])
                let setting = decision.synchronousAtOpening
                #expect(setting.members == ["pg-2", "pg-3"])
                #expect(setting.required >= count)
                #expect(setting.required + votes > 2)
            }
        }
    }

    @Test("a promoted server waits for the standbys that the claim names")
    func promoted() throws {
        var (_, scenario) = try winner(flushedByOther: 0x50000FF)
        let decision = scenario.decide()
        #expect(decision.operations == [.promote(to: TimelineID(2))])
        #expect(decision.synchronousAtOpening == SynchronousSetting(members: ["pg-3"], required: 1))
    }

    @Test("in quorum mode without any standby left nothing is waited for; in strict mode everything is")
    func nobodyLeft() {
        var quorum = Scenario.primary()
        quorum.makeLossless(.quorum, [], votes: 1)
        #expect(quorum.decide().synchronousAtOpening == .none)
        var strict = Scenario.primary()
        strict.makeLossless(.strict, [], votes: 1)
        #expect(strict.decide().synchronousAtOpening == SynchronousSetting(members: [], required: 1))
    }

    @Test("a server is not opened again while a change of the record may still be applied that its setting ignores")
    func uncertain() throws {
        var scenario = Scenario.primary()
        scenario.makeLossless()
        scenario.server { $0.replicas["pg-3"] = nil }
        _ = scenario.decide()
        // pg-3 is away: it leaves the setting, and is about to leave the record.
        var narrowed: StoreWrite?
        for _ in 0..<30 where narrowed == nil {
            scenario.pass(.seconds(1))
            scenario.observation.store.held?.sentAt = scenario.now
            scenario.server { _ in }
            let decision = scenario.decide()
            if let setting = decision.setting { scenario.server { $0.synchronous = setting } }
            if decision.write?.record.synchronous?.members == ["pg-2"] { narrowed = decision.write }
        }
        #expect(narrowed?.record.synchronous == SynchronousState(mode: .quorum, members: ["pg-2"], votes: 1))
        // The answer is lost, pg-3 is back, and postgres crashes.
        scenario.pass(.milliseconds(300))
        scenario.observation.store.lastFailedWrite = scenario.now - .milliseconds(200)
        scenario.server { $0.replicas["pg-3"] = ReplicaState(streaming: true, flushed: $0.flushed) }
        var running = scenario
        #expect(running.decide().setting == nil)
        scenario.stopServer(crashed: true)
        let waiting = scenario.decide()
        #expect(waiting.operations.isEmpty)
        // A renewal that succeeds later leaves no doubt.
        scenario.apply(try #require(waiting.write))
        scenario.pass(.milliseconds(1))
        scenario.observation.store.held?.sentAt = scenario.now
        #expect(scenario.decide().operations == [.start(.primary)])
    }

    // MARK: Clients

    @Test("in strict mode clients come in once enough standbys have all that the server had when it was opened")
    func gate() {
        var scenario = Scenario.primary()
        scenario.makeLossless(.strict)
        #expect(!scenario.decide().admitsClientsAtOpening)
        scenario.server {
            $0.admitsClients = false
            for name in ["pg-2", "pg-3"] as [MemberName] {
                $0.replicas[name] = ReplicaState(streaming: true, flushed: LSN(rawValue: $0.flushed.rawValue - 1))
            }
        }
        let waiting = scenario.decide()
        #expect(!waiting.effects.contains(.admitClients(true)))
        #expect(waiting.problem == "clients wait until 1 synchronous standbys are back")
        // What is written meanwhile, by the server itself, need not be there.
        scenario.server {
            $0.replicas["pg-3"]?.flushed = $0.flushed
            $0.flushed = LSN(rawValue: $0.flushed.rawValue + 4096)
        }
        #expect(scenario.decide().effects.contains(.admitClients(true)))
    }

    @Test("the gate of one opening says nothing about the next")
    func nextGate() {
        var scenario = Scenario.primary()
        scenario.makeLossless(.strict)
        scenario.server {
            $0.admitsClients = false
            $0.replicas = [:]
        }
        _ = scenario.decide()
        scenario.stopServer(crashed: true)
        _ = scenario.decide()
        scenario.observation.local.process = .running(Scenario.running(inRecovery: false, flushed: 0x6000000))
        scenario.server {
            $0.admitsClients = false
            $0.synchronous = SynchronousSetting(members: ["pg-2", "pg-3"], required: 1)
            $0.replicas["pg-2"] = ReplicaState(streaming: true, flushed: LSN(rawValue: 0x5FFFFFF))
        }
        #expect(!scenario.decide().effects.contains(.admitClients(true)))
    }

    @Test("in quorum mode clients are let in at once")
    func quorumAdmits() {
        var scenario = Scenario.primary()
        scenario.makeLossless(.quorum)
        #expect(scenario.decide().admitsClientsAtOpening)
    }
}
