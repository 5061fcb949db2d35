import ClusterModel
import Testing

@testable import Leadership

/// Rule 4: promotion, history file in the archive, clients.
@Suite("Clients after a promotion")
struct HistoryGateTests {
    /// pg-1, just promoted to timeline 2, closed to clients.
    private func promoted(patience: Duration = .seconds(1)) -> Scenario {
        var scenario = Scenario.primary()
        scenario.observation.settings.historyPatience = patience
        scenario.change { record in record.timeline = TimelineID(2) }
        scenario.server { running in
            running.timeline = TimelineID(2)
            running.admitsClients = false
        }
        return scenario
    }

    @Test("a promotion opens closed where there is an archive, and open where there is none")
    func promotion() throws {
        for patience in [Duration.zero, .seconds(1)] {
            var scenario = Scenario.candidate()
            scenario.observation.settings.historyPatience = patience
            let write = try #require(scenario.decide().write)
            scenario.apply(write)
            let decision = scenario.decide()
            #expect(decision.operations.contains { $0.isPromotion })
            #expect(decision.admitsClientsAtOpening == (patience == .zero))
        }
    }

    @Test("they wait until the archive has the history file of this timeline, not of another")
    func waits() {
        var scenario = promoted()
        #expect(!scenario.decide().effects.contains(.admitClients(true)))
        scenario.observation.local.history = .stored(TimelineID(1))
        #expect(!scenario.decide().effects.contains(.admitClients(true)))
        scenario.observation.local.history = .stored(TimelineID(2))
        #expect(scenario.decide().effects.contains(.admitClients(true)))
    }

    @Test("an archive that does not answer holds them up for a bounded time")
    func bounded() {
        var scenario = promoted()
        #expect(!scenario.decide().effects.contains(.admitClients(true)))
        scenario.pass(.milliseconds(999))
        #expect(!scenario.decide().effects.contains(.admitClients(true)))
        scenario.pass(.milliseconds(1))
        #expect(scenario.decide().effects.contains(.admitClients(true)))
    }

    @Test("a primary whose timeline somebody else has made stops for a replica that can take over")
    func refused() {
        var scenario = promoted()
        scenario.report("pg-2", role: .replica, timeline: 2)
        scenario.observation.local.history = .refused(TimelineID(2))
        let decision = scenario.decide()
        #expect(!decision.effects.contains(.admitClients(true)))
        #expect(decision.operations == [.stop(.fence)])
        #expect(decision.problem?.contains("another history of timeline 2") == true)
    }

    @Test("without anybody to take over it stays closed, however long, and comes back closed")
    func refusedAlone() {
        var scenario = promoted()
        scenario.observation.peers = [:]
        scenario.observation.local.history = .refused(TimelineID(2))
        for _ in 0..<3 {
            let decision = scenario.decide()
            #expect(decision.effects.allSatisfy { $0 != .admitClients(true) })
            #expect(decision.operations.isEmpty)
            scenario.pass(.milliseconds(900))
            scenario.observation.store.held?.sentAt = scenario.now
            scenario.server { _ in }
        }
        scenario.stopServer(crashed: true)
        if case .present(var data) = scenario.observation.local.data {
            data.timeline = TimelineID(2)
            scenario.observation.local.data = .present(data)
        }
        let decision = scenario.decide()
        #expect(decision.operations == [.start(.primary)])
        #expect(!decision.admitsClientsAtOpening)
    }
}
