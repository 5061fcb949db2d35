import ClusterModel
import Leadership
import Simulation
import Testing

@Suite("Simulated schedules", .serialized)
struct ScheduleTests {
    /// Failures are printed with what led to them.
    static func check(_ campaign: Campaign, _ settings: (UInt64) -> WorldSettings) {
        guard let first = campaign.failures.first else { return }
        Issue.record("\(Campaign.replay(settings(first.seed), lines: 60))")
    }

    @Test("two thousand schedules of ten minutes with every mix of faults violate nothing")
    func everything() {
        let campaign = Campaign.run(1_000_000..<1_002_000, jobs: 2) { .mix(seed: $0) }
        Self.check(campaign) { .mix(seed: $0) }
        // A run in which nothing happens proves nothing.
        #expect(campaign.done == 2000 || !campaign.failures.isEmpty)
        #expect(Set(campaign.counts.faults.keys) == Set(FaultKind.allCases))
        #expect(campaign.counts.promotions > 5000)
        #expect(campaign.counts.quorumTakeOvers > 500)
        #expect(campaign.counts.consents > 5000)
        #expect(campaign.counts.acknowledged > 500_000)
    }
}
