import ClusterModel
import Testing

@testable import Leadership

@Suite("Zones")
struct ZoneTests {
    /// What commits wait for in the end, when pg-1 leads in zone a and pg-2 is there as well.
    private func setting(other zone: String?, count: Int) -> SynchronousSetting {
        var scenario = Scenario.primary()
        scenario.makeLossless()
        scenario.observation.settings.synchronousCount = count
        scenario.observation.me.traits.zone = "a"
        scenario.observation.store.record?.members["pg-1"]?.traits.zone = "a"
        scenario.observation.store.record?.members["pg-2"]?.traits.zone = "a"
        scenario.observation.store.record?.members["pg-3"]?.traits.zone = zone
        var setting = SynchronousSetting.none
        scenario.server { setting = $0.synchronous }
        for _ in 0..<30 {
            scenario.pass(.seconds(1))
            scenario.observation.store.held?.sentAt = scenario.now
            scenario.server { _ in }
            let decision = scenario.decide()
            if let write = decision.write { scenario.apply(write) }
            if let next = decision.setting {
                setting = next
                scenario.server { $0.synchronous = next }
            }
        }
        return setting
    }

    @Test("commits wait for standbys of other zones, where there are enough of them")
    func others() {
        #expect(setting(other: "b", count: 1).members == ["pg-3"])
    }

    @Test(
        "where there are not enough of them, or no zone is known, every standby counts",
        arguments: [("b", 2), ("a", 1), (nil, 1)])
    func everybody(zone: String?, count: Int) {
        #expect(setting(other: zone, count: count).members == ["pg-2", "pg-3"])
    }
}
