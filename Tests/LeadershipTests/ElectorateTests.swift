import ClusterModel
import Testing

@testable import Leadership

@Suite("The electorate")
struct ElectorateTests {
    @Test("is written by the holder with each renewal, and at once when a member has entered itself")
    func renewed() throws {
        var scenario = Scenario.primary()
        #expect(scenario.decide().write == nil)
        scenario.change { $0.members["pg-4"] = Scenario.member("pg-4") }
        let write = try #require(scenario.decide().write)
        #expect(write.record.electorate == ["pg-1", "pg-2", "pg-3", "pg-4"])
        #expect(write.record.renewal != "first")
        scenario.apply(write)
        #expect(scenario.decide().write == nil)
    }

    @Test("loses a member that was removed")
    func removal() throws {
        var scenario = Scenario.primary()
        scenario.change { $0.members["pg-3"] = nil }
        #expect(try #require(scenario.decide().write).record.electorate == ["pg-1", "pg-2"])
    }

    @Test("a member enters itself without renewing the lease, and does not stand before a holder has counted it")
    func registers() throws {
        var scenario = Scenario.replica()
        scenario.change {
            $0.members["pg-2"] = nil
            $0.electorate = ["pg-1", "pg-3"]
        }
        let write = try #require(scenario.decide().write)
        #expect(write.record.members["pg-2"] == scenario.observation.me)
        #expect(write.record.electorate == ["pg-1", "pg-3"])
        #expect(write.record.renewal == "first")
        scenario.apply(write)
        scenario.observation.peers["pg-1"] = nil
        scenario.pass(.seconds(60))
        let decision = scenario.decide()
        #expect(decision.write == nil && decision.operations.isEmpty)
        #expect(decision.problem == "no primary has counted it among the members yet")
        scenario.change { $0.electorate = ["pg-1", "pg-2", "pg-3"] }
        #expect(scenario.decide().operations == [.detach])
    }

    @Test("its members alone are asked for votes")
    func asked() {
        var scenario = Scenario.candidate()
        scenario.observation.peers["pg-3"] = nil
        scenario.change { $0.members["pg-4"] = Scenario.member("pg-4") }
        #expect(scenario.decide().votesAsked == ["pg-3"])
    }

    @Test("its members alone are candidates for a hand-over that nobody asked for")
    func candidates() {
        var scenario = Scenario.primary()
        scenario.change { $0.electorate = ["pg-1", "pg-3"] }
        _ = scenario.decide()
        scenario.stopServer(crashed: true)
        scenario.pass(.seconds(11))
        scenario.observation.store.held?.sentAt = scenario.now
        #expect(scenario.decide().write?.record.successor == "pg-3")
    }

    @Test("a run that was entered and then missed in the record enters itself again, unless a person removed it")
    func entersAgain() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        scenario.change { $0.members["pg-2"] = nil }
        var removed = scenario
        #expect(scenario.decide().write != nil)
        removed.change { $0.intent.removed = ["pg-2"] }
        let decision = removed.decide()
        #expect(decision.write == nil)
        #expect(decision.problem == "was removed from the cluster; restart it to enter it again")
    }

    @Test("a removed member is back after a restart, and its removal is forgotten")
    func restarted() throws {
        var scenario = Scenario.replica()
        scenario.change {
            $0.members["pg-2"] = nil
            $0.intent.removed = ["pg-2"]
        }
        let write = try #require(scenario.decide().write)
        #expect(write.record.members["pg-2"] == scenario.observation.me)
        #expect(write.record.intent.removed.isEmpty)
    }

    @Test("two members of one name do not take the entry from each other without end")
    func twoOfOneName() {
        var scenario = Scenario.replica()
        _ = scenario.decide()
        var written = 0
        for second in 0..<200 {
            scenario.change { $0.renewal = "\(second)" }
            scenario.change { $0.members["pg-2"] = Scenario.member("pg-2", boot: "the other") }
            let decision = scenario.decide()
            #expect(decision.problem?.contains("two members have one name") == true)
            if decision.write != nil { written += 1 }
            scenario.pass(.seconds(1))
        }
        #expect(written == 5)
    }

    @Test("pauses after a failed write instead of storming the store")
    func pause() {
        var scenario = Scenario.replica()
        scenario.change { $0.members["pg-2"] = nil }
        scenario.observation.store.lastFailedWrite = scenario.now
        #expect(scenario.decide().write == nil)
        scenario.pass(.milliseconds(200))
        #expect(scenario.decide().write != nil)
    }
}
